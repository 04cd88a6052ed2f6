// WebTransport for Node, which has none of its own: the objects that engine.io asks for, made of sockets behind which
// webtransport.py speaks QUIC. Their octets are those of the streams; nothing here knows what they mean.

const { spawn } = require("node:child_process");
const { once } = require("node:events");
const net = require("node:net");
const path = require("node:path");
const { certificate } = require("./log.cjs");

const work = process.env.INTEROP_WORK;

/** A session of WebTransport and its one stream both ways, over a socket. */
function session(socket) {
  const readable = new ReadableStream({
    start(controller) {
      socket.on("data", (octets) => controller.enqueue(Uint8Array.from(octets)));
      socket.on("end", () => controller.close());
    },
  });
  const write = (octets) => new Promise((done) => (socket.writableEnded ? done() : socket.write(octets, () => done())));
  const writable = new WritableStream({ write });
  const stream = { readable, writable };
  const closed = new Promise((done) => socket.on("close", () => done({})));
  return { stream, closed, close: () => end(socket) };
}

/** What was written before may still be on its way through streams. */
const end = (socket) => setTimeout(() => socket.end(), 20);

/** The line that stands before the octets of the stream. */
function line(socket) {
  return new Promise((done) => {
    let text = "";
    const take = () => {
      for (let octet; (octet = socket.read(1)); ) {
        if (octet[0] === 10) {
          socket.off("readable", take);
          return done(text);
        }
        text += octet;
      }
    };
    socket.on("readable", take);
  });
}

/** What a browser has under this name. */
class WebTransport {
  constructor(url) {
    const socket = net.connect(path.join(work, "client"));
    const { pathname, search } = new URL(url);
    socket.write(pathname + search + "\n");
    this.closed = new Promise((done) => socket.on("close", () => done({})));
    this.ready = line(socket).then((status) => {
      if (status !== "200") throw new Error(`the session was refused: ${status}`);
      this.session = session(socket);
    });
    this.close = () => end(socket);
  }

  async createBidirectionalStream() {
    return this.session.stream;
  }
}

/** Starts both sides of QUIC; hands each session that comes to the server. */
exports.start = async (io, { suite, version }) => {
  certificate();
  net.createServer(async (socket) => {
    await line(socket);
    const { stream, closed, close } = session(socket);
    const streams = new ReadableStream({ start: (controller) => controller.enqueue(stream) });
    io.engine.onWebTransportSession({ incomingBidirectionalStreams: streams, closed, close });
  }).listen(path.join(work, "server"));
  const files = ["cert.pem", "key.pem", "", "secrets"].map((name) => path.join(work, name));
  const python = spawn("python3", [path.join(__dirname, "webtransport.py"), ...files, suite, version], { stdio: ["ignore", "pipe", "inherit"] });
  process.on("exit", () => python.kill());
  await once(python.stdout, "data");
  globalThis.WebTransport = WebTransport;
};
