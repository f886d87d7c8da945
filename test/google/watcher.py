#!/usr/bin/python3
"""A reader of tables in BigQuery who looks all the time, and remembers what is new.

    watcher.py ADDRESS QUERY...

Answers each line on its input with a line of JSON: for each query, the number of answers and all that were
seen, each different from the one before it, as [[value, …], …] or as the text of an error. Looks at least
once at all of them before. Ends when its input is closed.

Copyright (c) 2026, dataops authors; PostgreSQL License
"""
import json
import os
import sys
import threading
import time
import urllib.error
import urllib.request

URL = sys.argv[1] + "/bigquery/v2/projects/test/queries"
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
BETWEEN_LOOKS = 0.01        # seconds: others want to be served, too


class Watch:
    def __init__(self, query):
        self.query = query
        self.looks = 0
        self.seen = []

    def look(self):
        body = json.dumps({"query": self.query, "useLegacySql": False}).encode()
        request = urllib.request.Request(URL, body, {"Content-Type": "application/json"})
        try:
            with OPENER.open(request, timeout=60) as answer:
                rows = self.read(json.load(answer))
        except urllib.error.HTTPError as error:
            rows = f"{error.code}: {error.read().decode()}"
        self.looks += 1
        if not self.seen or self.seen[-1] != rows:
            self.seen.append(rows)

    @staticmethod
    def read(answer):
        """The rows in an order of their own."""
        if answer.get("errors"):
            return json.dumps(answer["errors"])
        return sorted(([cell["v"] for cell in row["f"]] for row in answer["rows"]), key=json.dumps)


def watch_all(watches):
    try:
        while True:
            for watch in watches:
                watch.look()
            time.sleep(BETWEEN_LOOKS)
    except OSError as error:
        print("the watcher cannot look:", error, file=sys.stderr, flush=True)
        os._exit(1)


def main():
    watches = [Watch(query) for query in sys.argv[2:]]
    for watch in watches:
        watch.look()
    threading.Thread(target=watch_all, args=(watches,), daemon=True).start()
    for _line in sys.stdin:
        print(json.dumps([{"looks": watch.looks, "seen": watch.seen} for watch in watches]), flush=True)


if __name__ == "__main__":
    main()
