// Stands behind nginx in its play `proxy`: `node origin.cjs serve` listens on 127.0.0.1:8088; `node origin.cjs connect`
// is a WebSocket client (npm `ws`) that talks to it through nginx.

const http = require("node:http");
const { from, using, sleep, event } = require("./log.cjs");
require("./http-hooks.cjs");
const hooks = require("./ws-hooks.cjs");

using("ws", "ws");
const ws = from("ws")("ws");
hooks.hook(ws);
hooks.senders(ws);

const answers = {
  "/hello": (_, response) => response.setHeader("Content-Length", 6).end("hello\n"),
  "/chunked": async (request, response) => {
    const chunks = request.httpVersion === "1.1"; // 1.0 has none, and so no trailer
    if (chunks) response.setHeader("Trailer", "X-Sum");
    for (const part of ["one ", "two ", "three"]) {
      response.write(part);
      await sleep(20);
    }
    if (chunks) response.addTrailers({ "X-Sum": "13" });
    response.end();
  },
  "/until-close": (_, response) => {
    response.useChunkedEncodingByDefault = false;
    response.setHeader("Connection", "close");
    response.write("no length, no chunks: ");
    setTimeout(() => response.end("the end is the end"), 20);
  },
  "/upload": (request, response) => {
    let length = 0;
    request.on("data", (part) => (length += part.length));
    request.on("end", () => response.end(`got ${length} bytes`));
  },
};

function serve() {
  const server = http.createServer((request, response) => answers[request.url](request, response));
  const sockets = new ws.WebSocketServer({ server });
  sockets.on("connection", (socket) => socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary })));
  server.listen(8088, "127.0.0.1");
  process.on("SIGTERM", () => setTimeout(() => process.exit(0), 100));
}

async function connect() {
  const socket = new ws.WebSocket("ws://127.0.0.1:8080/one-one/ws");
  await event(socket, "open");
  for (const message of ["hello through nginx", Buffer.from([1, 2, 3])]) {
    socket.send(message);
    await event(socket, "message");
  }
  socket.close(1000, "bye");
  await event(socket, "close");
  await sleep(100);
}

process.argv[2] === "serve" ? serve() : connect();
