// For k6: `python -m load prepare`, then `k6 run -e RATE=300 -e DURATION=30s load/orders.k6.js`.
import http from 'k6/http';
import { check } from 'k6';
import { SharedArray } from 'k6/data';

const prepared = __ENV.PREPARED || './results/prepared.json';
const read = () => JSON.parse(open(prepared));
// Shared: each of k6's virtual users would else keep a thousand tokens of its own.
const buyers = new SharedArray('buyers', () => read().buyers);
const listings = new SharedArray('listings', () => read().listings);
const { orders_url, storefront_id, ship_to } = read();
const run = `${Date.now()}-${Math.random()}`;

export const options = {
  scenarios: {
    orders: {
      executor: 'constant-arrival-rate', // an open loop: what falls due does not wait for answers
      rate: Number(__ENV.RATE || 300),
      timeUnit: '1s',
      duration: __ENV.DURATION || '30s',
      preAllocatedVUs: 64,
      maxVUs: 1024,
    },
  },
  thresholds: { checks: ['rate>0.97'] },
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
  const answer = http.post(`${orders_url}/orders`, JSON.stringify(body), { headers });
  check(answer, { 'the order stands': (said) => said.status === 201 });
}
