"""Plays of Python's `websockets`, asyncio server and client: `python pywebsockets.py PLAY`.

Both sides live in this process and meet over [::1]:8080. What each sent and received is taken from the library's own
debug log: its records carry the frame itself, before it is compressed and written, after it is read and inflated.
"""

import asyncio
import logging
import os
import platform
import ssl
import subprocess
import sys
from pathlib import Path

import websockets
from interop import log, payload, programs
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, ServerPerMessageDeflateFactory
from websockets.frames import Close, Opcode

HOST, PORT = "::1", 8080
# The certificate and the secrets of a play over TLS lie in the folder that is thrown away with it.
WORK = Path(os.environ["INTEROP_WORK"])
TLS = sys.argv[1].startswith("tls")
programs(python=platform.python_version(), websockets=websockets.__version__)


class Frames(logging.Handler):
    """Puts the frames of the library's debug log together to messages, per connection and direction."""

    def __init__(self, who):
        super().__init__()
        self.who = who
        self.open = {}

    def emit(self, record):
        if record.msg not in ("< %s", "> %s") or not hasattr(record.args[0], "opcode"):
            return
        frame, sent = record.args[0], record.msg[0] == ">"
        direction = "c2s" if sent == (self.who == "client") else "s2c"
        port = (record.websocket.local_address if self.who == "client" else record.websocket.remote_address)[1]
        line = {"who": self.who, "dir": direction, "client_port": port, "layer": "websocket"}
        data = bytes(frame.data)
        if frame.opcode is Opcode.CLOSE:
            close = Close.parse(data) if data else None
            log(line | {"opcode": "close", "close_code": close and int(close.code), "close_reason": close.reason if close else ""})
        elif frame.opcode in (Opcode.PING, Opcode.PONG):
            log(line | {"opcode": frame.opcode.name.lower(), **payload(data, False)})
        else:
            self.part(line, port, frame, data)

    def part(self, line, port, frame, data):
        key = (port, line["dir"])
        opcode, parts = self.open.setdefault(key, (frame.opcode.name.lower(), []))
        parts.append(data)
        if not frame.fin:
            return
        del self.open[key]
        whole = b"".join(parts)
        log(line | {"opcode": opcode, "parts": [len(part) for part in parts], **payload(whole, valid_text(opcode, whole))})


def valid_text(opcode, data):
    try:
        return opcode == "text" and data.decode() is not None
    except UnicodeDecodeError:
        return False


def logger(who):
    made = logging.getLogger(who)
    made.setLevel(logging.DEBUG)
    made.propagate = False
    made.addHandler(Frames(who))
    return made


CLIENT, SERVER = logger("client"), logger("server")


async def echo(ws):
    async for message in ws:
        await ws.send(message)


def context(protocol):
    """TLS 1.2 as who can do no more speaks it; who has the key log can read it."""
    made = ssl.SSLContext(protocol)
    made.maximum_version = ssl.TLSVersion.TLSv1_2
    if protocol is ssl.PROTOCOL_TLS_CLIENT:
        made.load_verify_locations(WORK / "cert.pem")
        made.set_ciphers("ECDHE-ECDSA-CHACHA20-POLY1305" if sys.argv[1] == "tls12-chacha" else "ECDHE-ECDSA-AES128-GCM-SHA256")
    else:
        made.load_cert_chain(WORK / "cert.pem", WORK / "key.pem")
        made.keylog_filename = WORK / "secrets"
    return made


def certificate():
    what = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost".split()
    files = ["-addext", "subjectAltName=IP:::1", "-keyout", WORK / "key.pem", "-out", WORK / "cert.pem"]
    subprocess.run(["openssl", *what, *files], check=True, capture_output=True)


def at(handler, **options):
    if TLS:
        certificate()
        options["ssl"] = context(ssl.PROTOCOL_TLS_SERVER)
    return serve(handler, HOST, PORT, logger=SERVER, **{"compression": None, "ping_interval": None, **options})


async def opened(path="/", **options):
    scheme = "wss" if TLS else "ws"
    if TLS:
        options["ssl"] = context(ssl.PROTOCOL_TLS_CLIENT)
    ws = await connect(f"{scheme}://[{HOST}]:{PORT}{path}", logger=CLIENT, **{"compression": None, "ping_interval": None, **options})
    port = ws.local_address[1]
    log({"who": "client", "dir": "c2s", "client_port": port, "layer": "http", "method": "GET", "target": ws.request.path, "body_len": 0})
    log({"who": "client", "dir": "s2c", "client_port": port, "layer": "http", "status": ws.response.status_code, "body_len": 0})
    extensions = ws.response.headers.get("Sec-WebSocket-Extensions")
    handshake = {"accepted": True, "subprotocol": ws.subprotocol, "extensions": extensions}
    log({"who": "client", "dir": "s2c", "client_port": port, "layer": "websocket", "handshake": handshake})
    return ws


async def ask(ws, data, **options):
    await ws.send(data, **options)
    return await ws.recv()


def sample(length):
    return ("0123456789abcdef" * (length // 16 + 1))[:length]


# ---- plays ----------------------------------------------------------------------------------------------------------


async def talk():
    async def converse(ws):
        if ws.request.path == "/parts":
            await ws.recv()
            # An iterable is sent in parts; this library ends it with an empty last frame.
            await ws.send(["one ", "two ", "é€😀"])
            await ws.send([b"\x00", b"", b"\xff" * 3])
        await echo(ws)

    def refuse(connection, request):
        return connection.respond(401, "no entry\n") if request.path == "/closed" else None

    def choose(connection, offered):
        return "chat.v1" if "chat.v1" in offered else None

    async with at(converse, subprotocols=["chat.v1"], select_subprotocol=choose, process_request=refuse):
        ws = await opened()
        for message in ["hello", "", "é€😀 𝄞", b"\x00\xff\x80", b""]:
            await ask(ws, message)
        await ask(ws, b"bytes, but text", text=True)
        await ask(ws, "text, but binary", text=False)
        for data in ["", "beat", sample(125)]:
            await (await ws.ping(data))
        await ws.pong("unasked")
        await ask(ws, ["in ", "parts"])
        for n in range(5):
            await ws.send(str(n))
        for _ in range(5):
            await ws.recv()
        await ws.close()

        ws = await opened("/parts", subprotocols=["chat.v2", "chat.v1"])
        await ws.send("go")
        await ws.recv()
        await ws.recv()
        await ws.close(1000, "done")
        try:
            await opened("/closed")
        except websockets.InvalidStatus as refused:
            log({"who": "client", "dir": "c2s", "layer": "http", "method": "GET", "target": "/closed", "body_len": 0})
            response = refused.response
            log({"who": "client", "dir": "s2c", "layer": "http", "status": response.status_code, "body_len": len(response.body)})


async def lengths():
    async def count(ws):
        async for message in ws:
            await ws.send(message if len(message) < 65535 else str(len(message)))

    async with at(count):
        ws = await opened()
        for length in [0, 1, 125, 126, 127, 1500]:
            await ask(ws, sample(length))
            await ask(ws, bytes([length % 256]) * length)
        await ask(ws, sample(65536))
        await ws.close()


async def closes():
    async def close(ws):
        message = await ws.recv()
        if ws.request.path == "/abort":
            ws.transport.abort()
        elif ws.request.path == "/return":
            return  # the library closes with 1000
        elif ws.request.path == "/raise":
            raise RuntimeError("the handler failed")  # ... and here with 1011
        else:
            await ws.close(int(message), "é€😀" if message == "4000" else "")

    async with at(close, max_size=1000):
        for args in [(1000, "bye"), (), (1001, ""), (4999, "x" * 123)]:
            ws = await opened()
            await ws.close(*args)
        for path, message in [("/", "1001"), ("/", "4000"), ("/return", "x"), ("/raise", "x"), ("/abort", "x")]:
            ws = await opened(path)
            await ws.send(message)
            await ws.wait_closed()
            await asyncio.sleep(0.05)
        # What the server must refuse: too much, and text that is not UTF-8.
        for wrong, options in [(sample(1001), {}), (b"\xff\xfe", {"text": True})]:
            ws = await opened()
            await ws.send(wrong, **options)
            await ws.wait_closed()
            await asyncio.sleep(0.05)


async def deflate():
    server, client = ServerPerMessageDeflateFactory, ClientPerMessageDeflateFactory
    pairs = [
        ("deflate", "deflate"),  # the library's own defaults: windows of 12 bits
        ([server()], [client()]),
        ([server(server_no_context_takeover=True)], [client()]),
        ([server()], [client(client_no_context_takeover=True, server_max_window_bits=9, client_max_window_bits=9)]),
        ([server(server_no_context_takeover=True, client_no_context_takeover=True, client_max_window_bits=10)], [client(client_max_window_bits=True)]),
        (None, "deflate"),
    ]
    words = " ".join(format(n * 7919, "x") for n in range(250))
    for ours, theirs in pairs:
        as_option = lambda side: {"compression": side} if not isinstance(side, list) else {"compression": None, "extensions": side}
        async with at(echo, **as_option(ours)):
            ws = await opened(**as_option(theirs))
            for message in ["short", words, words, "", words.encode(), "é€😀 " * 30]:
                await ask(ws, message)
            await ask(ws, ["compressed ", "in parts, " * 10, "with an empty end"])
            await (await ws.ping("never compressed"))
            await ws.close()


# The same over TLS 1.2, once with each of the ciphers in use.
PLAYS = {"talk": talk, "lengths": lengths, "closes": closes, "deflate": deflate, "tls12": talk, "tls12-chacha": lengths}


async def main():
    await asyncio.wait_for(PLAYS[sys.argv[1]](), 20)
    await asyncio.sleep(0.1)


asyncio.run(main())
