// Plays of the official socket.io 4 server and client: `node socketio4.cjs PLAY`. Both sides live in this process and
// meet over 127.0.0.1:8080. Each play is the same every time, but for ports, session ids and clocks.

const http = require("node:http");
const https = require("node:https");
const { log, from, using, sleep, event, certificate, keepSecrets } = require("./log.cjs");
require("./http-hooks.cjs");
const wsHooks = require("./ws-hooks.cjs");
const hooks = require("./socketio-hooks.cjs");

using("sio4", "socket.io", "socket.io-client", "engine.io", "engine.io-client", "ws");
const require4 = from("sio4");
const { Server } = require4("socket.io");
const { io: connect, Manager } = require4("socket.io-client");
const msgpack = require4("socket.io-msgpack-parser");
const play = process.argv[2];

wsHooks.hook(require4("ws"));
hooks.engine(4, { server: "/engine.io/build", client: "/engine.io-client/build/cjs", webtransport: true });
const { Client } = hooks.loaded("/socket.io/dist/client.js");
// msgpack has no types of its own for binary: an event stays an EVENT.
hooks.socketio(5, { Client, Manager, send: { server: "_packet", client: "_packet" }, binaryTypes: play !== "msgpack" });

const PORT = 8080;
const HTTP2 = play === "http2" && require("./http2.cjs");
const TLS = play === "tls" || HTTP2;
const URL = `${TLS ? "https" : "http"}://127.0.0.1:${PORT}`;
const BLOB = Buffer.from([1, 2, 3, 4]);
const UNICODE = "é€😀 𝄞 \u0000 \"\\\n";
const app = (who, event, keys) => log({ who, layer: "app", event, ...keys });

const servers = [];
async function listen(options = {}) {
  // Asked for what is not Socket.IO's, its server passes the request on to whoever was there before.
  const nothing = (_, response) => response.writeHead(404).end("nothing here");
  const secure = () => (HTTP2 ? HTTP2.createServer() : https.createServer(certificate(), nothing));
  const server = TLS ? secure() : http.createServer(nothing);
  if (TLS && !HTTP2) keepSecrets(server);
  const io = new Server(server, { pingInterval: 25000, pingTimeout: 20000, ...options });
  server.listen(PORT, "127.0.0.1");
  await event(server, "listening");
  servers.push(io);
  io.on("connection", converse);
  io.of("/admin").use((socket, next) => {
    if (socket.handshake.auth.token === "let me in") return next();
    next(Object.assign(new Error("not authorized"), { data: { retry: false } }));
  });
  io.of("/admin").on("connection", (socket) => {
    socket.on("tell me", (reply) => reply(BLOB));
    socket.on("two", (a, b) => socket.emit("two", { a, deep: [b, { again: a }] }));
  });
  return io;
}

/** What the server does for every client, in the main namespace. */
function converse(socket) {
  app("server", "connection", { socket: socket.id, recovered: socket.recovered });
  socket.on("disconnect", (reason) => app("server", "disconnect", { reason }));
  socket.on("echo", (...args) => args.pop()(...args));
  socket.on("say", (...args) => socket.emit("said", ...args));
  socket.on("ask me", () => socket.emit("question", "your name?", (...answer) => socket.emit("answered", ...answer)));
  socket.on("hand me a blob", () => socket.emit("blob", BLOB, (back) => socket.emit("got back", back)));
  socket.on("throw me out", () => socket.disconnect(true));
}

function client(options = {}, namespace = "") {
  const socket = connect(URL + namespace, { forceNew: true, reconnection: false, rejectUnauthorized: false, ...options });
  socket.on("connect", () => app("client", "connect", { namespace: namespace || "/", recovered: socket.recovered }));
  socket.on("disconnect", (reason) => app("client", "disconnect", { namespace: namespace || "/", reason }));
  socket.on("connect_error", (error) => app("client", "connect_error", { namespace: namespace || "/", message: error.message }));
  return socket;
}

async function upgraded(socket) {
  const { engine } = socket.io;
  if (engine.transport.name === "polling") await event(engine, "upgrade");
}

/** The talk that every transport must carry alike. */
async function talk(socket, empty = Buffer.alloc(0)) {
  socket.on("question", (text, answer) => answer("ada", { to: text }));
  socket.on("blob", (blob, answer) => answer(Buffer.concat([blob, Buffer.from([5])])));
  const answers = (name) => event(socket, name);

  await socket.emitWithAck("echo", "hello", 1, 2.5, -3, true, null, { deep: { list: [[]] } });
  let said = answers("said");
  socket.emit("say", UNICODE, { [UNICODE]: "" });
  await said;
  // Three events of one tick: in polling they share one body.
  for (const n of [1, 2, 3]) socket.emit("say", "burst", n);
  await sleep(100);

  let answered = answers("answered");
  socket.emit("ask me");
  await answered;

  said = answers("said");
  socket.emit("say", BLOB, { nested: [{ blob: empty }, "text", Uint8Array.of(255, 0, 255)] });
  await said;
  await socket.emitWithAck("echo", { data: BLOB, twice: [BLOB, BLOB] });
  answered = answers("got back");
  socket.emit("hand me a blob");
  await answered;
  await socket.emitWithAck("echo");
  await socket.timeout(100).emitWithAck("nobody listens", "x").catch((error) => app("client", "no ack", { message: error.message }));
}

async function namespaces(socket) {
  const manager = socket.io;
  const refused = manager.socket("/admin", { auth: { token: "wrong" } });
  await event(refused, "connect_error");
  const unknown = manager.socket("/no such place", {});
  await event(unknown, "connect_error");
  refused.disconnect();
  refused.auth = { token: "let me in" };
  refused.connect();
  await event(refused, "connect");
  await refused.emitWithAck("tell me");
  const two = event(refused, "two");
  refused.emit("two", BLOB, Buffer.from("second"));
  await two;
  refused.disconnect();
  await sleep(50);
}

/** The main play: talk, namespaces, a heartbeat, an end from the client's side, and one from the server's. */
async function whole(options, server = {}) {
  await listen({ pingInterval: 1200, ...server });
  const socket = client(options);
  await event(socket, "connect");
  if (!options.transports) {
    // Packets that travel while the upgrade is probed, then the rest on the WebSocket.
    socket.emit("say", "still polling");
    await upgraded(socket);
    await sleep(100);
  }
  await talk(socket);
  await namespaces(socket);
  await event(socket.io, "ping");
  await sleep(50);
  socket.disconnect();
  await sleep(100);

  const thrown = client(options);
  await event(thrown, "connect");
  if (!options.transports) await upgraded(thrown);
  await sleep(50);
  thrown.emit("throw me out");
  await event(thrown, "disconnect");
  await sleep(100);
}

/** The same talk by WebTransport, from the start or after polling. */
async function webtransport(transports, quic) {
  const io = await listen({ pingInterval: 1200, transports: ["polling", "webtransport"] });
  await require("./webtransport.cjs").start(io, quic);
  const socket = client({ transports });
  await event(socket, "connect");
  if (transports[0] === "polling") await event(socket.io.engine, "upgrade");
  // The official parser takes a packet without octets for an error: see below.
  await talk(socket, Buffer.from([0]));
  // More than one packet of QUIC, and each form of length.
  for (const length of [100, 126, 5000]) await socket.emitWithAck("echo", "x".repeat(length));
  socket.emit("nobody listens", "x".repeat(65536));
  await socket.emitWithAck("echo", Buffer.alloc(3000, 7));
  await namespaces(socket);
  await event(socket.io, "ping");
  await sleep(50);
  socket.disconnect();
  await sleep(200);
  if (transports[0] === "polling") return;

  const refused = client({ transports });
  await event(refused, "connect");
  refused.emit("say", Buffer.alloc(0));
  await event(refused, "disconnect");
  await sleep(200);
}

/** Polling on streams of one connection of HTTP/2; beside it other requests. */
async function streams() {
  await listen({ pingInterval: 1200 });
  const beside = ["/events", "/coded", "/large"].map((target) => HTTP2.ask(URL, "GET", target));
  const socket = client({ transports: [HTTP2.Polling] });
  await event(socket, "connect");
  await talk(socket);
  await Promise.all(beside);
  await namespaces(socket);
  await event(socket.io, "ping");
  await sleep(50);
  socket.disconnect();
  await sleep(200);
  HTTP2.close();
  await sleep(50);
}

async function rooms() {
  const io = await listen();
  const sockets = [];
  // One transport each, in this order, so that the three connections are easy to tell apart.
  for (const options of [{ transports: ["websocket"] }, { transports: ["polling"] }, { transports: ["websocket"], upgrade: false }]) {
    const socket = client(options);
    await event(socket, "connect");
    socket.on("vote", (answer) => answer("yes"));
    sockets.push(socket);
    await sleep(50);
  }
  const [a, b, c] = sockets.map((socket) => io.sockets.sockets.get(socket.id));
  a.join("red");
  b.join(["red", "blue"]);
  c.join("blue");
  const step = async (emit) => {
    emit();
    await sleep(60);
  };
  await step(() => io.emit("all", 1));
  await step(() => io.to("red").emit("red", 2));
  await step(() => io.to("red").to("blue").emit("union", 3));
  await step(() => io.to("red").except("blue").emit("only a", 4));
  await step(() => a.broadcast.emit("not a", 5));
  await step(() => b.to("blue").emit("blue but not b", 6));
  await step(() => io.to(c.id).emit("private", "psst"));
  await step(() => io.emit("blob for all", BLOB));
  await step(() => io.timeout(1000).emit("vote", (error, votes) => app("server", "votes", { votes })));
  await step(() => a.volatile.emit("volatile, sent", 7));
  // The polling client's poll is answered by the first; the second finds it not writable and is dropped.
  await step(() => {
    b.volatile.emit("volatile, sent", 8);
    b.volatile.emit("volatile, dropped", 9);
  });
  await step(() => io.in("red").socketsLeave("red"));
  await step(() => io.to("red").emit("nobody is here"));
  await step(() => io.in("blue").disconnectSockets());
  await step(() => io.disconnectSockets(true));
  await sleep(100);
}

async function recovery() {
  const io = await listen({ connectionStateRecovery: { maxDisconnectionDuration: 60000 } });
  const socket = client({ transports: ["websocket"], reconnection: true, reconnectionDelay: 400, randomizationFactor: 0 });
  await event(socket, "connect");
  await sleep(50);
  const id = socket.id;
  io.emit("before", 1);
  io.emit("before", { two: 2 });
  io.emit("with blob", BLOB);
  await sleep(50);
  await socket.emitWithAck("echo", "an ack carries no offset");
  // The cut: the client's TCP connection is reset under it.
  socket.io.engine.transport.ws._socket.resetAndDestroy();
  await sleep(100);
  io.emit("missed", 3);
  io.emit("missed", "four");
  io.to(id).emit("missed in its own room", 5);
  await event(socket, "connect");
  app("client", "state", { same_id: socket.id === id, recovered: socket.recovered });
  await sleep(50);
  io.emit("after", 6);
  await sleep(50);
  // A second cut, after which the server has forgotten the session: no recovery, a new id.
  io.of("/").adapter.sessions.clear();
  socket.io.engine.transport.ws._socket.resetAndDestroy();
  await sleep(100);
  io.of("/").adapter.sessions.clear();
  await event(socket, "connect");
  app("client", "state", { same_id: socket.id === id, recovered: socket.recovered });
  io.emit("anew", 7);
  await sleep(50);
  socket.disconnect();
  await sleep(100);
}

/** One HTTP request made by hand, its answer told by http-hooks.cjs. */
function ask(method, target, body, headers = {}) {
  return new Promise((done) => {
    const request = http.request({ host: "127.0.0.1", port: PORT, method, path: target, headers, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk) => (text += chunk)).on("end", () => done(text));
    });
    request.on("error", (error) => done(error.code));
    request.on("upgrade", (_, stream) => done(stream.destroy()));
    request.end(body);
  });
}

async function errors() {
  await listen({ maxHttpBufferSize: 1000, allowRequest: (request, answer) => answer(null, !request.headers["x-refuse-me"]) });
  const at = (query) => "/socket.io/?" + query;
  const text = { "Content-Type": "text/plain;charset=UTF-8" };
  const upgrade = {
    Connection: "Upgrade", Upgrade: "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
  };
  await ask("GET", at("EIO=4&transport=carrier-pigeon"));
  await ask("GET", at("EIO=4&transport=polling&sid=unknown"));
  await ask("POST", at("EIO=4&transport=polling"), "40", text);
  await ask("GET", at("EIO=4&transport=websocket"));
  await ask("GET", at("EIO=4&transport=polling"), undefined, { "x-refuse-me": "1" });
  await ask("GET", at("EIO=3&transport=polling"));
  await ask("GET", at("transport=polling"));
  await ask("GET", "/elsewhere");
  await ask("GET", at("EIO=4&transport=websocket&sid=unknown"), undefined, upgrade);

  const session = async () => {
    const { sid } = JSON.parse((await ask("GET", at("EIO=4&transport=polling"))).slice(1));
    return at("EIO=4&transport=polling&sid=" + sid);
  };
  // A second poll while the first is open: refused, and the session is over.
  let own = await session();
  const first = ask("GET", own);
  await sleep(50);
  await ask("GET", own);
  await first;
  // More than maxHttpBufferSize.
  own = await session();
  await ask("POST", own, "4" + "2".repeat(1500), text);
  // An event before CONNECT; broken JSON after it; a second CONNECT of the same namespace.
  for (const bodies of [["42[\"x\"]"], ["40", "42[\"broken"], ["40", "40"], ["hello"]]) {
    own = await session();
    for (const body of bodies) await ask("POST", own, body, text);
    await ask("GET", own);
    await sleep(50);
  }
  // The official client where no Socket.IO is.
  const lost = client({ path: "/nowhere/", transports: ["polling"] });
  await event(lost, "connect_error");
  const lost2 = client({ path: "/nowhere/", transports: ["websocket"] });
  await event(lost2, "connect_error");
  await sleep(100);
}

async function deflate() {
  const compressing = { threshold: 64 };
  const io = await listen({ perMessageDeflate: compressing });
  const socket = client({ transports: ["websocket"], perMessageDeflate: compressing });
  await event(socket, "connect");
  await talk(socket);
  const long = "to be compressed, ".repeat(30);
  for (const n of [1, 2, 3]) {
    const said = event(socket, "said");
    socket.emit("say", n, long, Buffer.from(long));
    await said;
  }
  io.emit("broadcast", long);
  await sleep(50);
  io.sockets.sockets.get(socket.id).compress(false).emit("not compressed", long);
  await sleep(50);
  socket.disconnect();
  await sleep(100);
}

async function pack() {
  await listen({ parser: msgpack });
  for (const transports of [["websocket"], ["polling"]]) {
    const socket = client({ transports, parser: msgpack });
    await event(socket, "connect");
    await talk(socket);
    socket.disconnect();
    await sleep(100);
  }
}

/** What a program is told of an attempt that throws. */
function attempt(who, name, emit) {
  try {
    emit();
    app(who, "emitted", { name });
  } catch (error) {
    app(who, "threw", { name, message: error.message });
  }
}

/** Forms of emit that send nothing, send later, or send again. */
async function emits() {
  const io = await listen();
  const options = { transports: ["websocket"], reconnection: true, reconnectionDelay: 300, randomizationFactor: 0 };
  const socket = client(options);
  await event(socket, "connect");
  const own = io.sockets.sockets.get(socket.id);
  const step = async (emit) => {
    emit();
    await sleep(60);
  };

  // To the other servers of a cluster, of which there are none: what the adapter says of it is told.
  const warn = console.warn;
  console.warn = (message) => app("server", "warned", { message });
  await step(() => io.emit("before", "serverSideEmit"));
  await step(() => io.serverSideEmit("hello", "world"));
  await step(() => attempt("server", "serverSideEmit with an acknowledgement", () => io.serverSideEmit("hello", "world", () => {})));
  io.serverSideEmitWithAck("hello", "world").then(() => {}, (error) => app("server", "rejected", { message: error.message }));
  await sleep(60);
  await step(() => io.emit("after", "serverSideEmit"));
  console.warn = warn;

  // Names that are the library's own.
  const reserved = ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];
  await step(() => own.emit("before", "reserved"));
  await step(() => socket.emit("before", "reserved"));
  for (const name of reserved) {
    attempt("server", name, () => own.emit(name, 1));
    attempt("client", name, () => socket.emit(name, 1));
  }
  await sleep(60);
  await step(() => own.emit("after", "reserved"));
  await step(() => socket.emit("after", "reserved"));

  // Cut off, a client keeps what its program emits; what is volatile, too, as a transport that was reset still says it is writable.
  socket.io.engine.transport.ws._socket.resetAndDestroy();
  await event(socket, "disconnect");
  for (const n of [1, 2]) {
    socket.emit("offline", n);
    app("client", "emitted offline", { n, connected: socket.connected });
  }
  socket.volatile.emit("offline", "volatile");
  await event(socket, "connect");
  await step(() => socket.emit("online again"));
  socket.disconnect();
  await sleep(100);

  // With retries each waits for the one before it.
  const patient = client({ ...options, reconnection: false, retries: 2, ackTimeout: 150 });
  await event(patient, "connect");
  const settled = (name, ...args) =>
    new Promise((done) => patient.emit(name, ...args, (error, answer) => {
      app("client", "settled", { name, args, message: error?.message ?? null, answer });
      done();
    }));
  const all = Promise.all([settled("noack", "r1"), settled("noack", "r2"), settled("echo", "r3")]);
  app("client", "handed over", { queued: 3 });
  await all;
  patient.disconnect();
  await sleep(100);
}

/** The official client meets a plain WebSocket server: one that greets, and one that is silent, as the client is then. */
async function plain() {
  const { WebSocketServer } = require4("ws");
  for (const manner of ["greets", "is silent"]) {
    const server = new WebSocketServer({ host: "127.0.0.1", port: PORT });
    server.on("connection", (socket) => {
      if (manner === "greets") socket.send("hello");
    });
    await event(server, "listening");
    app("server", "listening", { manner });
    const socket = client({ transports: ["websocket"], timeout: 400 });
    await Promise.race([event(socket, "connect_error"), sleep(800)]);
    app("client", "state", { manner, connected: socket.connected });
    socket.disconnect();
    await sleep(100);
    server.clients.forEach((open) => open.terminate());
    await new Promise((done) => server.close(done));
    await sleep(50);
  }
}

const plays = {
  default: () => whole({}),
  websocket: () => whole({ transports: ["websocket"] }),
  polling: () => whole({ transports: ["polling"] }),
  tls: () => whole({}),
  http2: streams,
  webtransport: () => webtransport(["webtransport"], { suite: "AES_256_GCM_SHA384", version: "1" }),
  "webtransport-upgrade": () => webtransport(["polling", "webtransport"], { suite: "CHACHA20_POLY1305_SHA256", version: "0x6b3343cf" }),
  rooms, recovery, errors, emits, plain, deflate, msgpack: pack,
};

plays[play]().then(async () => {
  for (const io of servers) await io.close();
  await sleep(100);
  process.exit(0);
}, (error) => {
  console.error(error);
  process.exit(1);
});
setTimeout(() => { console.error("the play hangs"); process.exit(1); }, 20000).unref();
