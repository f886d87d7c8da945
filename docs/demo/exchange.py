#!/usr/bin/python3
"""An exchange of its own, with the shape and manners of Binance's GET /api/v3/klines.

    exchange.py [--port N] [--data FILE] [--weight-limit N] [--throttle N] [--no-bad | --bad EPOCHMS]

Prints "port N" and serves on 127.0.0.1 until it is killed:

    /api/v3/ping     {}
    /api/v3/time     {"serverTime": ms}
    /api/v3/klines   symbol, interval, startTime, endTime (both inclusive, of the open time), limit

The candles are generated, not stored: each depends on nothing but its symbol and open time, so every
window of every request shows the same ones, an hour's candle is that of its quarters, and each opens
where the former closed. None is newer than the running one. One candle is wrong on purpose, its high
below its low, so that a check has something to find: the quarter of 2025-10-10 21:15 UTC.
With --data a recorded array of rows is served instead, as it is.

Each request has a weight; x-mbx-used-weight-1m tells the sum of this minute. Beyond the limit the
answer is 429 with Retry-After, as it is for every Nth request with --throttle N (once per request).

Copyright (c) 2026, dataops authors; PostgreSQL License
"""
import argparse
import bisect
import functools
import hashlib
import json
import math
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

MINUTE = 60_000
INTERVALS = {'1m': MINUTE, '5m': 5 * MINUTE, '15m': 15 * MINUTE,
             '1h': 60 * MINUTE, '4h': 240 * MINUTE, '1d': 1440 * MINUTE}
BAD_CANDLE = 1_760_130_900_000          # 2025-10-10 21:15 UTC
FIRST_CANDLE = 1_502_928_000_000        # 2017-08-17, when the exchange opened
SYMBOLS = {'BTCUSDT': 100_000.0, 'ETHUSDT': 3_800.0, 'SOLUSDT': 190.0}
DEFAULT_LIMIT = 500
MAX_LIMIT = 1000


class ApiError(Exception):
    """A refusal as the exchange words it: {"code": …, "msg": …}."""

    def __init__(self, code, message, status=400):
        super().__init__(message)
        self.status = status
        self.body = {'code': code, 'msg': message}


@functools.lru_cache(maxsize=200_000)
def noise(symbol, subject, number):
    """A value in [0, 1) that depends on its arguments only, on every machine."""
    digest = hashlib.blake2b(f'{symbol}/{subject}/{number}'.encode(), digest_size=8).digest()
    return int.from_bytes(digest, 'big') / 2 ** 64


def swell(symbol, subject, number):
    """Noise that changes smoothly from one whole number to the next: in [-1, 1]."""
    step = math.floor(number)
    share = number - step
    share = share * share * (3 - 2 * share)
    before, after = (2 * noise(symbol, subject, n) - 1 for n in (step, step + 1))
    return before + (after - before) * share


@functools.lru_cache(maxsize=100_000)
def price_at(symbol, moment):
    """The price at the start of a minute: slow and quick swells around the symbol's level, in cents."""
    day = moment / INTERVALS['1d']
    move = (0.20 * swell(symbol, 'season', day / 40) + 0.06 * swell(symbol, 'week', day / 5)
            + 0.02 * swell(symbol, 'day', day * 2) + 0.006 * swell(symbol, 'hour', day * 24)
            + 0.001 * swell(symbol, 'minute', day * 480))
    return round(SYMBOLS[symbol] * math.exp(move) * 100)


@functools.lru_cache(maxsize=20_000)
def quarter(symbol, start):
    """What is known of fifteen minutes: high, low, volume, trades, taker share, average price."""
    prices = [price_at(symbol, start + n * MINUTE) for n in (0, 3, 6, 9, 12, 15)]
    spread = max(1, prices[0] // 5000)
    high = max(prices) + int(spread * noise(symbol, 'high', start))
    low = min(prices) - int(spread * noise(symbol, 'low', start))
    volume = int(1e8 * (20 + 180 * noise(symbol, 'volume', start) ** 3))
    trades = 500 + int(volume / 1e8 * (40 + 40 * noise(symbol, 'trades', start)))
    taker_share = 0.35 + 0.3 * noise(symbol, 'taker', start)
    return high, low, volume, trades, taker_share, (prices[0] + prices[-1]) // 2


def generated_row(symbol, start, length, bad_candle):
    """One candle in the exchange's form, put together from quarters (or made of a part of one)."""
    quarters = range(start - start % INTERVALS['15m'], start + length, INTERVALS['15m'])
    share = min(1, length / INTERVALS['15m'])
    parts = [quarter(symbol, q) for q in quarters]
    opening, closing = price_at(symbol, start), price_at(symbol, start + length)
    if share < 1:
        high, low = max(opening, closing), min(opening, closing)
    else:
        high, low = max(p[0] for p in parts), min(p[1] for p in parts)
    volume = sum(int(p[2] * share) for p in parts)
    taker = sum(int(p[2] * share * p[4]) for p in parts)
    quote = sum(int(p[2] * share) * p[5] // 100 for p in parts)
    taker_quote = sum(int(p[2] * share * p[4]) * p[5] // 100 for p in parts)
    if start == bad_candle and length == INTERVALS['15m']:
        high, low = low, high

    def money(cents):
        return f'{cents // 100}.{cents % 100:02d}000000'

    def amount(units):
        return f'{units // 10 ** 8}.{units % 10 ** 8:08d}'

    return [start, money(opening), money(high), money(low), money(closing), amount(volume),
            start + length - 1, amount(quote),
            sum(int(p[3] * share) for p in parts), amount(taker), amount(taker_quote), '0']


class GeneratedMarket:
    def __init__(self, bad_candle):
        self.bad_candle = bad_candle

    def rows(self, symbol, interval, start, end, limit):
        if symbol not in SYMBOLS:
            raise ApiError(-1121, 'Invalid symbol.')
        length = INTERVALS[interval]
        last = int(time.time() * 1000)
        last = min(last if end is None else end, last) // length * length
        if start is None:
            start = last - (limit - 1) * length
        first = max(-(-start // length) * length, -(-FIRST_CANDLE // length) * length)
        opens = range(first, last + 1, length)[:limit]
        return [generated_row(symbol, moment, length, self.bad_candle) for moment in opens]


class RecordedMarket:
    """Serves the rows of a file, in the interval that they have, for whatever symbol is asked."""

    def __init__(self, path):
        with open(path, encoding='utf-8') as file:
            self.recording = sorted(json.load(file), key=lambda row: row[0])
        self.opens = [row[0] for row in self.recording]
        if not self.opens:
            raise ValueError(f'{path} holds no rows')
        steps = [b - a for a, b in zip(self.opens, self.opens[1:])]
        self.length = min(steps, default=None)

    def rows(self, symbol, interval, start, end, limit):
        if self.length is not None and INTERVALS[interval] != self.length:
            raise ApiError(-1120, 'Invalid interval.')
        after = len(self.opens) if end is None else bisect.bisect_right(self.opens, end)
        first = max(after - limit, 0) if start is None else bisect.bisect_left(self.opens, start)
        return self.recording[first:after][:limit]


class Weights:
    """The weight used in the running minute, and who has to wait."""

    def __init__(self, limit, throttle):
        self.lock = threading.Lock()
        self.limit = limit
        self.throttle = throttle
        self.minute = None
        self.used = 0
        self.requests = 0
        self.refused = False

    def use(self, weight):
        """Returns the weight used so far and the seconds to wait, 0 if the request may be answered."""
        with self.lock:
            now = time.time()
            if self.minute != int(now // 60):
                self.minute, self.used = int(now // 60), 0
            self.used += weight
            if self.used > self.limit:
                return self.used, max(1, math.ceil(60 - now % 60))
            if self.refused:
                self.refused = False        # the repetition of the refused request
                return self.used, 0
            self.requests += 1
            if self.throttle and self.requests % self.throttle == 0:
                self.refused = True
                return self.used, 1
            return self.used, 0


def whole_number(query, name):
    if name not in query:
        return None
    if not query[name].lstrip('-').isdecimal():
        raise ApiError(-1100, f"Illegal characters found in parameter '{name}'; "
                              "legal range is '^[0-9]{1,20}$'.")
    return int(query[name])


def klines(market, query):
    for name in ('symbol', 'interval'):
        if not query.get(name):
            raise ApiError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
    if query['interval'] not in INTERVALS:
        raise ApiError(-1120, 'Invalid interval.')
    limit = whole_number(query, 'limit')
    if limit is None:
        limit = DEFAULT_LIMIT
    if limit < 1:
        raise ApiError(-1130, "Data sent for parameter 'limit' is not valid.")
    return market.rows(query['symbol'], query['interval'], whole_number(query, 'startTime'),
                       whole_number(query, 'endTime'), min(limit, MAX_LIMIT))


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    server_version = 'exchange'
    disable_nagle_algorithm = True

    def do_GET(self):
        address = urlsplit(self.path)
        query = {name: values[-1] for name, values
                 in parse_qs(address.query, keep_blank_values=True).items()}
        used, wait = self.server.weights.use(2 if address.path == '/api/v3/klines' else 1)
        headers = {'x-mbx-used-weight-1m': used}
        try:
            if wait:
                headers['Retry-After'] = wait
                raise ApiError(-1003, 'Too much request weight used; please wait.', status=429)
            status, body = 200, self.answer(address.path, query)
        except ApiError as error:
            status, body = error.status, error.body
        self.reply(status, headers, json.dumps(body, separators=(',', ':')).encode())

    def answer(self, path, query):
        if path == '/api/v3/klines':
            return klines(self.server.market, query)
        if path == '/api/v3/time':
            return {'serverTime': int(time.time() * 1000)}
        if path == '/api/v3/ping':
            return {}
        raise ApiError(-1000, 'No such path.', status=404)

    def reply(self, status, headers, body):
        self.send_response(status)
        self.send_header('Content-Type', 'application/json;charset=UTF-8')
        self.send_header('Content-Length', str(len(body)))
        for name, value in headers.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        print(self.log_date_time_string(), format % args, file=sys.stderr, flush=True)


class Exchange(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port, market, weights):
        super().__init__(('127.0.0.1', port), Handler)
        self.market = market
        self.weights = weights


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', 1)[0])
    parser.add_argument('--port', type=int, default=0)
    parser.add_argument('--data', metavar='FILE', help='serve this recording')
    parser.add_argument('--weight-limit', type=int, default=6000, help='per minute')
    parser.add_argument('--throttle', type=int, default=0, metavar='N', help='refuse every Nth request once')
    parser.add_argument('--bad', type=int, default=BAD_CANDLE, metavar='EPOCHMS', help='open time of the wrong candle')
    parser.add_argument('--no-bad', dest='bad', action='store_const', const=None, help='no wrong candle')
    options = parser.parse_args()
    market = RecordedMarket(options.data) if options.data else GeneratedMarket(options.bad)
    exchange = Exchange(options.port, market, Weights(options.weight_limit, options.throttle))
    print(f'port {exchange.server_address[1]}\nready', flush=True)
    try:
        exchange.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == '__main__':
    main()
