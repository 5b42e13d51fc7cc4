"""The load client against a real server: whatever the wire does, each shot is counted once, as what it was."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Iterator
from itertools import count, islice

import pytest

from load.tests.server import Answering, answer, says_yes, serving
from load.wire import UNKNOWN, Run, Shot, Shown, address_of, closed_loop, open_loop


def shots() -> Iterator[Shot]:
    """Without end; the tag and the body are the number."""
    for number in count():
        body = str(number).encode()
        yield Shot(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body), number)


def number_of(request: bytes) -> int:
    return int(request.partition(b"\r\n\r\n")[2])


async def test_every_answer_finds_its_shot() -> None:
    async def echo(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(201, request.partition(b"\r\n\r\n")[2]))

    seen: list[Shown] = []
    async with serving(echo) as address:
        run = await closed_loop([address], shots(), connections=5, count=200, sink=seen.append)
    assert run.answers == {201: 200}
    assert sorted(each.tag for each in seen) == list(range(200))
    assert all(each.body == str(each.tag).encode() for each in seen)
    assert all(each.due_at <= each.sent_at <= each.answered_at for each in seen)


async def test_an_answer_that_comes_in_pieces_is_one_answer() -> None:
    async def in_pieces(_request: bytes, writer: asyncio.StreamWriter) -> None:
        whole = answer(201, b'{"order_id":"1"}')
        for place in range(len(whole)):
            writer.write(whole[place : place + 1])
            await asyncio.sleep(0.001)  # lets the client read it, so that most cuts are met

    seen: list[Shown] = []
    async with serving(in_pieces) as address:
        await closed_loop([address], shots(), connections=1, count=3, sink=seen.append)
    assert [(each.status, each.body) for each in seen] == [(201, b'{"order_id":"1"}')] * 3


async def test_a_lost_connection_is_an_unknown_outcome_and_is_dialed_again() -> None:
    async def hangs_up_once(request: bytes, writer: asyncio.StreamWriter) -> None:
        if number_of(request) == 3:
            writer.transport.abort()
        else:
            writer.write(answer())

    seen: list[Shown] = []
    async with serving(hangs_up_once) as address:
        run = await closed_loop([address], shots(), connections=1, count=10, sink=seen.append)
    assert run.answers == {UNKNOWN: 1, 201: 9}
    assert [each.tag for each in seen if each.status == UNKNOWN] == [3]


async def test_a_server_that_closes_after_its_answer_loses_nothing() -> None:
    async def answers_and_closes(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(201, b"{}", "Connection: close"))
        await writer.drain()
        writer.close()

    async with serving(answers_and_closes) as address:
        run = await closed_loop([address], shots(), connections=2, count=10)
    assert run.answers == {201: 10}


async def test_what_is_never_answered_is_an_unknown_outcome_after_the_timeout() -> None:
    async def forgets_the_first(request: bytes, writer: asyncio.StreamWriter) -> None:
        if number_of(request):
            writer.write(answer())

    async with serving(forgets_the_first) as address:
        run = await closed_loop([address], shots(), connections=1, count=3, timeout=0.2)
    assert run.answers == {UNKNOWN: 1, 201: 2}


async def test_an_answer_without_a_length_is_not_believed() -> None:
    async def chunks(request: bytes, writer: asyncio.StreamWriter) -> None:
        wild = b"HTTP/1.1 201 Said\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
        writer.write(answer() if number_of(request) else wild)

    async with serving(chunks) as address:
        run = await closed_loop([address], shots(), connections=1, count=3)
    assert run.answers == {UNKNOWN: 1, 201: 2}


async def test_addresses_take_turns() -> None:
    served = [0, 0]

    def counting(place: int) -> Answering:
        async def counts(_request: bytes, writer: asyncio.StreamWriter) -> None:
            served[place] += 1
            writer.write(answer())

        return counts

    async with serving(counting(0)) as one, serving(counting(1)) as other:
        await open_loop([one, other], shots(), rate=500, seconds=0.1, connections=4)
    assert sum(served) == 50
    assert min(served) >= 20


async def test_in_an_open_loop_waiting_for_a_connection_counts() -> None:
    release = asyncio.Event()
    asked: list[int] = []
    taken: list[int] = []

    async def holds(request: bytes, writer: asyncio.StreamWriter) -> None:
        asked.append(number_of(request))
        await release.wait()
        writer.write(answer())

    def watched() -> Iterator[Shot]:
        for shot in shots():
            taken.append(shot.tag)
            yield shot

    seen: list[Shown] = []
    async with serving(holds) as address:
        load = asyncio.create_task(
            open_loop([address], watched(), rate=100, seconds=0.1, connections=1, sink=seen.append)
        )
        while not (asked and len(taken) == 10):  # the tenth is next: nine are due, and eight of them wait
            await asyncio.sleep(0.001)
        assert asked == [0]
        release.set()
        run = await load
    assert run.answers == {201: 10}
    assert all(each.sent_at > each.due_at for each in seen[1:9])
    assert list(run.taken[201]) == [each.answered_at - each.due_at for each in seen]
    assert [round((each.due_at - seen[0].due_at) * 100) for each in seen] == list(range(10))


async def test_a_refusal_for_now_is_sent_again_with_the_same_bytes_when_asked() -> None:
    asked: list[bytes] = []

    async def busy_at_first(request: bytes, writer: asyncio.StreamWriter) -> None:
        busy = request not in asked
        asked.append(request)
        writer.write(answer(429, b"{}", "Retry-After: 0") if busy else answer())

    seen: list[Shown] = []
    async with serving(busy_at_first) as address:
        run = await open_loop([address], shots(), rate=100, seconds=0.1, connections=2, sink=seen.append, retry=True)
    assert run.answers == {201: 10, 429: 10}
    assert sorted(asked) == sorted([*{*asked}] * 2)
    assert {each.retry_after for each in seen if each.status == 429} == {0}
    dues = {each.tag: each.due_at for each in seen if each.status == 429}
    assert all(each.due_at == dues[each.tag] for each in seen if each.status == 201)


async def test_a_refusal_is_final_unless_asked() -> None:
    async def busy(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(429, b"{}", "Retry-After: 0"))

    async with serving(busy) as address:
        run = await open_loop([address], shots(), rate=100, seconds=0.1, connections=2)
    assert (run.answers, run.unsent, run.goodput) == ({429: 10}, 0, 0)


async def test_a_server_that_goes_away_ends_the_run_in_bounded_time() -> None:
    async with serving(says_yes) as address:
        load = asyncio.create_task(open_loop([address], shots(), rate=200, seconds=0.2, connections=2, timeout=0.3))
        await asyncio.sleep(0.05)
    run = await load
    assert sum(run.answers.values()) + run.unsent == 40
    assert run.unsent > 0


async def test_what_is_under_way_in_the_end_has_an_unknown_outcome() -> None:
    async def answers_the_first(request: bytes, writer: asyncio.StreamWriter) -> None:
        if number_of(request) == 0:
            await asyncio.sleep(0.25)  # so that the second is sent late, and not yet given up in the end
            writer.write(answer())

    async with serving(answers_the_first) as address:
        run = await open_loop([address], shots(), rate=1_000, seconds=0.002, connections=1, timeout=0.3)
    assert (run.answers, run.sent, run.unsent, run.due) == ({UNKNOWN: 1, 201: 1}, 2, 0, 2)


async def test_a_client_that_is_behind_still_reads_answers() -> None:
    seen: list[Shown] = []
    read_when_taken: list[int] = []

    def watched() -> Iterator[Shot]:
        for shot in shots():
            read_when_taken.append(len(seen))
            yield shot

    async with serving(says_yes) as address:
        run = await open_loop([address], watched(), rate=1e9, seconds=5e-6, connections=10, sink=seen.append)
    assert run.answers == {201: 5_000}
    assert read_when_taken[4_999] > 100


async def test_an_open_loop_ends_when_there_are_no_more_shots() -> None:
    async with serving(says_yes) as address:
        run = await open_loop([address], islice(shots(), 7), rate=1_000, seconds=60, connections=2)
    assert (run.due, run.sent, run.answers, run.standing) == (7, 7, {201: 7}, 2)
    assert run.busy > 0


async def test_nobody_at_the_address_is_said_before_any_clock_starts() -> None:
    async with serving(says_yes) as address:
        pass
    with pytest.raises(ConnectionRefusedError, match=f"nobody answers at 127.0.0.1:{address[1]}"):
        await closed_loop([address], shots(), connections=1, count=1, timeout=0.2)


async def test_figures_of_a_run() -> None:
    async with serving(says_yes) as address:
        run = await closed_loop([address], shots(), connections=2, count=100)
    assert len(run.latencies) == 100
    assert run.percentile(0) <= run.p50 <= run.p90 <= run.p99 <= run.max == run.latencies[-1]
    assert run.rate == run.goodput == pytest.approx(100 / run.seconds)
    assert run.percentile(50, status=500) != run.percentile(50, status=500)  # NaN: there was none


def test_a_percentile_is_the_nearest_rank() -> None:
    hundred = Run({201: array("d", range(1, 101)), 503: array("d", [0.5])}, 1.0, 0.0)
    assert [hundred.percentile(each, 201) for each in (0, 1, 50, 50.5, 99, 100)] == [1, 1, 50, 51, 99, 100]
    assert hundred.within(50) == 50


def test_an_address_is_read_from_an_url() -> None:
    assert address_of("http://127.0.0.1:8103") == ("127.0.0.1", 8103)
    assert address_of("http://shop.example/") == ("shop.example", 80)


@pytest.mark.parametrize(
    "wrong",
    [
        *("https://shop.example", " ", "", "shop.example:80", "http://", "http://x:abc", "http://x:99999", "http://[x"),
        *("http://x/api", "http://x?y=1", "http://me:secret@x", "http://a:1 http://b:2"),
    ],
)
def test_an_address_is_a_host_and_a_port_and_nothing_more(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"is no (address|http://host:port): "):
        address_of(wrong)
