#!/usr/bin/python3
"""Passes connections on to a server, and cuts them when so many bytes have gone there.

    cutting_proxy.py HOST:PORT LOG BYTES...

Prints "port N", then "ready"; listens on 127.0.0.1. All bytes to the server count, of all connections
together. The one that reaches the next mark in BYTES breaks there: the server has got everything
before the mark and nothing after it. LOG gets a line for each connection that has ended: the bytes it
sent to the server, and whether it was cut. Ends when its input is closed.

Copyright (c) 2026, dataops authors; PostgreSQL License
"""
import os
import socket
import struct
import sys
import threading

HOST, _colon, PORT = sys.argv[1].rpartition(":")
LOG = sys.argv[2]
MARKS = [int(mark) for mark in sys.argv[3:]]
LOCK = threading.Lock()
TOTAL = 0


def allowed(data):
    """What of the data may go on, and whether the connection ends there."""
    global TOTAL
    with LOCK:
        room = MARKS[0] - TOTAL if MARKS else len(data)
        is_cut = bool(MARKS) and len(data) >= room
        if is_cut:
            MARKS.pop(0)
            data = data[:room]
        TOTAL += len(data)
        return data, is_cut


def reset(connection):
    """So that the client's next byte meets an error, and the server sees an end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def pass_back(server, client):
    try:
        while data := server.recv(65536):
            client.sendall(data)
        client.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def pass_on(client):
    sent = 0
    is_cut = False
    with client, socket.create_connection((HOST, int(PORT))) as server:
        back = threading.Thread(target=pass_back, args=(server, client), daemon=True)
        back.start()
        try:
            while not is_cut and (data := client.recv(65536)):
                data, is_cut = allowed(data)
                server.sendall(data)
                sent += len(data)
            server.shutdown(socket.SHUT_WR)
            if is_cut:
                reset(client)
        except OSError:
            pass
        if not is_cut:
            back.join()
    with LOCK, open(LOG, "a", encoding="ascii") as log:
        log.write(f"{sent} {'cut' if is_cut else 'whole'}\n")


def accept(listener):
    while True:
        client, _address = listener.accept()
        threading.Thread(target=pass_on, args=(client,), daemon=True).start()


listening = socket.create_server(("127.0.0.1", 0))
print("port", listening.getsockname()[1])
print("ready", flush=True)
threading.Thread(target=accept, args=(listening,), daemon=True).start()
while os.read(sys.stdin.fileno(), 65536):
    pass
