// For k6: `python -m load prepare`, then `k6 run -e RATE=300 -e DURATION=30s load/orders.k6.js`.
import http from 'k6/http';
import { check } from 'k6';
import { SharedArray } from 'k6/data';

const prepared = __ENV.PREPARED || './results/prepared.json';
const read = () => JSON.parse(open(prepared));
// Shared: each of k6's virtual users would else read the file again and keep a thousand tokens of its own.
const buyers = new SharedArray('buyers', () => read().buyers);
const listings = new SharedArray('listings', () => read().listings);
const rest = new SharedArray('rest', () => {
  const { orders_urls, storefront_id, ship_to } = read();
  return [{ orders_urls, storefront_id, ship_to }];
});
const { orders_urls, storefront_id, ship_to } = rest[0];
const run = `${Date.now()}-${Math.random()}`;

const VUS = 1024; // orders under way at once

export const options = {
  scenarios: {
    orders: {
      executor: 'constant-arrival-rate', // an open loop: what falls due does not wait for answers
      rate: Number(__ENV.RATE || 300),
      timeUnit: '1s',
      duration: __ENV.DURATION || '30s',
      preAllocatedVUs: VUS, // all at once: one that is made while orders fall due drops some of them
      maxVUs: VUS,
    },
  },
  // What no virtual user was free for was not offered, and no check counts it.
  thresholds: { checks: ['rate>=0.97'], dropped_iterations: ['count==0'] },
};

const one = (list) => list[Math.floor(Math.random() * list.length)];

export default function () {
  const buyer = one(buyers);
  const listing = one(listings);
  const body = {
    storefront_id,
    buyer_ref: buyer.party,
    touch: buyer.touch,
    payment: one(['cod', 'prepaid']),
    lines: [{ listing_id: listing.listing_id, qty: 1, unit_price: { amount: listing.price, currency: 'CNY' } }],
    ship_to,
  };
  const headers = {
    'Authorization': `Bearer ${buyer.token}`,
    'Idempotency-Key': `${run}-${__VU}-${__ITER}`,
    'Content-Type': 'application/json',
  };
  const answer = http.post(`${one(orders_urls)}/orders`, JSON.stringify(body), { headers });
  check(answer, { 'the order stands': (said) => said.status === 201 });
}
