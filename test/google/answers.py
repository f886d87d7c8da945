#!/usr/bin/python3
"""Does a server answer at a URL, whatever it says?    answers.py URL

Copyright (c) 2026, dataops authors; PostgreSQL License
"""
import sys
import urllib.error
import urllib.request

try:
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(sys.argv[1], timeout=2).close()
except urllib.error.HTTPError:
    pass
except OSError:
    sys.exit(1)
