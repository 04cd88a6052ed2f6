"""The WebTransport of a Node play, which has none of its own: aioquic on both sides, over 127.0.0.1:8080.

    python webtransport.py CERTIFICATE KEY FOLDER SECRETS SUITE VERSION

Octets go to and from Node through sockets in FOLDER, in which nothing of QUIC is seen: whoever connects to `client` opens a
session and one stream both ways in it; for each such stream the server connects to `server`. Behind a line with the path
that is asked for, answered by a line when the session stands, they are the stream's own.
"""

import asyncio
import sys
from pathlib import Path

import aioquic
from aioquic.asyncio import QuicConnectionProtocol, connect, serve
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import HeadersReceived, WebTransportStreamDataReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, ProtocolNegotiated, StreamDataReceived, StreamReset
from aioquic.tls import CipherSuite
from interop import programs

CERTIFICATE, KEY, FOLDER, SECRETS, SUITE, VERSION = sys.argv[1:]
HOST, PORT = "127.0.0.1", 8080
# After so many writes the client goes on with new keys.
UPDATE_AFTER = 6
programs(aioquic=aioquic.__version__)


class Side(QuicConnectionProtocol):
    """What both sides share: streams of WebTransport, each tied to a socket of Node."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.http = None
        self.answered = asyncio.get_running_loop().create_future()
        self.node = {}
        self.writes = 0

    def quic_event_received(self, event):
        if isinstance(event, ProtocolNegotiated):
            self.http = H3Connection(self._quic, enable_webtransport=True)
        elif isinstance(event, (ConnectionTerminated, StreamReset)):
            for writer in self.node.values():
                writer.close()
        if self.http:
            for one in self.http.handle_event(event):
                self.heard(one)

    def heard(self, event):
        if isinstance(event, WebTransportStreamDataReceived):
            self.octets(event.stream_id, event.data, event.stream_ended)
        elif isinstance(event, HeadersReceived):
            self.headers(event.stream_id, dict(event.headers))

    def octets(self, stream, data, ended):
        writer = self.node.get(stream)
        if writer and not writer.is_closing():
            writer.write(data)
            if ended:
                writer.close()

    async def carry(self, stream, reader, writer):
        """What Node writes goes on the stream until it closes."""
        while data := await reader.read(1 << 16):
            self._quic.send_stream_data(stream, data)
            self.transmit()
            self.writes += 1
            if self.writes == UPDATE_AFTER and self._quic.configuration.is_client:
                self._quic.request_key_update()
        self._quic.send_stream_data(stream, b"", end_stream=True)
        self.transmit()


class Server(Side):
    def headers(self, stream, headers):
        if headers.get(b":protocol") == b"webtransport":
            self.path = headers[b":path"]
            self.http.send_headers(stream, [(b":status", b"200"), (b"sec-webtransport-http3-draft", b"draft02")])
        else:
            self.http.send_headers(stream, [(b":status", b"404")], end_stream=True)
        self.transmit()

    def octets(self, stream, data, ended):
        if stream not in self.node:
            self.node[stream] = Waiting()
            asyncio.ensure_future(self.meet(stream))
        super().octets(stream, data, ended)

    async def meet(self, stream):
        reader, writer = await asyncio.open_unix_connection(Path(FOLDER) / "server")
        writer.write(self.path + b"\n")
        self.node[stream].flush(writer)
        self.node[stream] = writer
        await self.carry(stream, reader, writer)


class Waiting:
    """Keeps what comes before Node is there."""

    def __init__(self):
        self.data, self.ended = b"", False

    def is_closing(self):
        return False

    def write(self, data):
        self.data += data

    def close(self):
        self.ended = True

    def flush(self, writer):
        writer.write(self.data)
        if self.ended:
            writer.close()


class Client(Side):
    def quic_event_received(self, event):
        # The answer on a stream of its own has no signal, and aioquic would read frames of HTTP/3 there.
        if isinstance(event, StreamDataReceived) and event.stream_id in self.node:
            self.octets(event.stream_id, event.data, event.end_stream)
        else:
            super().quic_event_received(event)

    def headers(self, _stream, headers):
        self.answered.set_result(headers[b":status"])


async def client(reader, writer):
    configuration = QuicConfiguration(
        is_client=True,
        max_datagram_frame_size=65536,  # WebTransport asks for datagrams, though Engine.IO sends none
        alpn_protocols=H3_ALPN,
        cipher_suites=[CipherSuite[SUITE]],
        original_version=int(VERSION, 0),
        supported_versions=[int(VERSION, 0)],
        secrets_log_file=open(SECRETS, "a", buffering=1),
    )
    configuration.load_verify_locations(CERTIFICATE)
    path = (await reader.readline()).rstrip()
    async with connect(HOST, PORT, configuration=configuration, create_protocol=Client) as side:
        while not side.http:
            await asyncio.sleep(0.001)
        session = side._quic.get_next_available_stream_id()
        names = {":method": "CONNECT", ":scheme": "https", ":authority": f"{HOST}:{PORT}", ":protocol": "webtransport"}
        fields = [(name.encode(), value.encode()) for name, value in names.items()]
        side.http.send_headers(session, [*fields, (b":path", path), (b"sec-webtransport-http3-draft02", b"1")])
        side.transmit()
        writer.write(await side.answered + b"\n")
        stream = side.http.create_webtransport_stream(session)
        side.node[stream] = writer
        await side.carry(stream, reader, writer)
        await asyncio.sleep(0.05)


async def main():
    configuration = QuicConfiguration(
        is_client=False,
        max_datagram_frame_size=65536,
        alpn_protocols=H3_ALPN,
        supported_versions=[int(VERSION, 0)],
        cipher_suites=[CipherSuite[SUITE]],
    )
    configuration.load_cert_chain(CERTIFICATE, KEY)
    await serve(HOST, PORT, configuration=configuration, create_protocol=Server)
    await asyncio.start_unix_server(client, Path(FOLDER) / "client")
    print("ready", flush=True)
    await asyncio.Future()


asyncio.run(main())
