// The lab's own servers and clients meet other people's: `node lab.cjs PLAY`. The program of the lab (INTEROP_LAB) serves in a
// process of its own, or calls a server that lives here; tests/lab/strangers.rs tells what it does.

const assert = require("node:assert/strict");
const { spawn } = require("node:child_process");
const http = require("node:http");
const readline = require("node:readline");
const { log, from, using, sleep, event } = require("./log.cjs");
require("./http-hooks.cjs");
const wsHooks = require("./ws-hooks.cjs");

const play = process.argv[2];
const PORT = 8080;
const URL = `http://127.0.0.1:${PORT}`;
const BLOB = Buffer.from([1, 2, 3, 4]);
const app = (who, name, keys) => log({ who, layer: "app", event: name, ...keys });

/** Starts the lab's program in a role; its environment says what it is to do. */
function lab(role, env) {
  const child = spawn(process.env.INTEROP_LAB, [], {
    env: { ...process.env, WIRETALE_TEST_ROLE: role, WIRETALE_TEST_PORT: String(PORT), ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  process.on("exit", () => child.kill());
  return child;
}

/** A server of the lab, once it listens. */
async function serve(service) {
  const child = lab("serve", { WIRETALE_TEST_SERVICE: service });
  const [line] = await event(readline.createInterface(child.stdout), "line");
  assert.match(line, /^listening on /);
  return child;
}

/** Lets clients of the lab follow a script; returns their log. */
async function call(script) {
  const child = lab("call", { WIRETALE_TEST_SCRIPT: script });
  let out = "";
  child.stdout.on("data", (data) => (out += data));
  const [code] = await event(child, "close");
  assert.equal(code, 0, script);
  return JSON.parse(out).entries;
}

// ---- the official client of Socket.IO, and the lab's server -----------------------------------------------------------

function official() {
  using("sio4", "socket.io-client", "engine.io-client", "ws");
  const require4 = from("sio4");
  wsHooks.hook(require4("ws"));
  // Only its client's half is at work here; the hooks want both loaded.
  require4("socket.io");
  const { io, Manager } = require4("socket.io-client");
  const hooks = require("./socketio-hooks.cjs");
  hooks.engine(4, { server: "/engine.io/build", client: "/engine.io-client/build/cjs" });
  const { Client } = hooks.loaded("/socket.io/dist/client.js");
  hooks.socketio(5, { Client, Manager, send: { server: "_packet", client: "_packet" } });
  return require4;
}

async function upgraded({ io: { engine } }) {
  if (engine.transport.name === "polling") await event(engine, "upgrade");
}

async function servesSocketIo() {
  const { io } = official()("socket.io-client");
  await serve("socketio 400 300");
  const connect = async (options, namespace = "") => {
    const socket = io(URL + namespace, { forceNew: true, reconnection: false, ...options });
    const told = event(socket, "auth");
    await event(socket, "connect");
    assert.deepEqual(await told, [options.auth ?? {}]);
    return socket;
  };
  for (const transports of [undefined, ["websocket"], ["polling"]]) {
    const socket = await connect({ transports, auth: { token: "t" } });
    if (!transports) await upgraded(socket);
    assert.deepEqual(await socket.timeout(1000).emitWithAck("sum", 1), 1);
    let back = event(socket, "say-back");
    socket.emit("say", "é€😀", { deep: [true, null, { list: [] }] }, 2.5);
    assert.deepEqual(await back, ["é€😀", { deep: [true, null, { list: [] }] }, 2.5]);
    back = event(socket, "blob-back");
    socket.emit("blob", BLOB, "text", Buffer.alloc(0));
    const [blob, text, empty] = await back;
    assert.deepEqual([Buffer.from(blob), text, Buffer.from(empty)], [BLOB, "text", Buffer.alloc(0)]);
    assert.deepEqual(Buffer.from(await socket.emitWithAck("blob", BLOB)), BLOB);
    const inner = await socket.emitWithAck("form", { files: [{ name: "a", body: BLOB }, Buffer.from([0])], last: [BLOB] });
    assert.deepEqual([inner.files[0].body, inner.files[1], inner.last[0]].map((octets) => Buffer.from(octets)), [BLOB, Buffer.from([0]), BLOB]);
    socket.on("question", (_, answer) => answer("ada", BLOB));
    const answered = event(socket, "answered");
    socket.emit("ask me");
    assert.equal((await answered)[0], "ada");

    const custom = socket.io.socket("/custom", { auth: { token: "c" } });
    await event(custom, "auth");
    assert.equal(await custom.emitWithAck("x", "y"), "y");
    const unknown = socket.io.socket("/nowhere", {});
    assert.match((await event(unknown, "connect_error"))[0].message, /Invalid namespace/);
    custom.disconnect();
    // Twice the server asks whether it is there.
    await event(socket.io, "ping");
    await event(socket.io, "ping");
    const out = event(socket, "disconnect");
    if (transports?.[0] === "websocket") socket.emit("throw me out");
    else socket.disconnect();
    app("client", "disconnect", { reason: (await out)[0] });
    await sleep(100);
  }
  const [ada, bob, cleo] = [await connect({}), await connect({ transports: ["websocket"] }), await connect({ transports: ["polling"] })];
  await upgraded(ada);
  for (const socket of [ada, bob]) socket.emit("join", "r");
  await sleep(50);
  const told = [ada, cleo].map((socket) => event(socket, "told"));
  bob.emit("tell room", "r", "in the room");
  assert.deepEqual(await told[0], ["in the room"]);
  bob.emit("tell all", "to all", BLOB);
  assert.equal((await told[1])[0], "to all");
  await sleep(50);
  for (const socket of [ada, bob, cleo]) socket.disconnect();
  await sleep(150);
}

/** Cut off and back again: the official client finds itself recovered, and has what it missed. */
async function servesRecovery() {
  const { io } = official()("socket.io-client");
  await serve("recovering");
  for (const transports of [["websocket"], undefined, ["polling"]]) {
    const connect = async (how) => {
      const socket = io(URL, { forceNew: true, reconnectionDelay: 100, randomizationFactor: 0, ...how });
      const heard = [];
      socket.onAny((name, ...args) => heard.push([name, ...args]));
      await event(socket, "connect");
      if (!how.transports) await upgraded(socket);
      return { socket, heard };
    };
    const ada = await connect({ transports, auth: { token: "t" } });
    const bob = await connect({ transports: ["websocket"] });
    assert.equal(ada.socket.recovered, false);
    const { id } = ada.socket;
    bob.socket.emit("news", "one", BLOB);
    await sleep(80);
    const back = event(ada.socket, "connect");
    ada.socket.io.engine.close();
    await sleep(30);
    bob.socket.emit("news", "two");
    bob.socket.emit("news", 3, { deep: [null] }, BLOB);
    await back;
    // What was missed comes before the answer, and the client hands it out with that.
    await sleep(50);
    app("client", "recovered", { recovered: ada.socket.recovered });
    assert.equal(ada.socket.recovered, true, String(transports));
    assert.equal(ada.socket.id, id);
    bob.socket.emit("news", "four");
    await sleep(80);
    // The client hands offsets out as last arguments, as its server's own would be.
    const args = ada.heard.map(([name, ...args]) => [name, ...args.slice(0, -1)]);
    assert.deepEqual(JSON.parse(JSON.stringify(args)), JSON.parse(JSON.stringify(
      [["news", "one", BLOB], ["news", "two"], ["news", 3, { deep: [null] }, BLOB], ["news", "four"]])));
    // Who says that it leaves comes back as somebody new.
    ada.socket.disconnect();
    await sleep(50);
    const anew = event(ada.socket, "connect");
    ada.socket.connect();
    await anew;
    assert.equal(ada.socket.recovered, false);
    assert.notEqual(ada.socket.id, id);
    await sleep(100);
    for (const { socket } of [ada, bob]) socket.disconnect();
    await sleep(100);
  }
}

// ---- ws and EventSource, and the lab's server -------------------------------------------------------------------------

async function servesWeb() {
  using("ws", "ws");
  using("sse", "eventsource");
  const ws = from("ws")("ws");
  wsHooks.hook(ws);
  wsHooks.senders(ws);
  await serve("web");
  for (const [path, options] of [
    ["/", { perMessageDeflate: false }],
    ["/", {}],
    ["/deflate", { perMessageDeflate: { threshold: 0 } }],
    ["/deflate/apart", { perMessageDeflate: { threshold: 0, clientNoContextTakeover: true, serverNoContextTakeover: true } }],
  ]) {
    const socket = new ws.WebSocket(`ws://127.0.0.1:${PORT}${path}`, ["chat", "other"], options);
    await event(socket, "open");
    assert.equal(socket.protocol, "chat");
    const ask = async (data) => {
      const answer = event(socket, "message");
      socket.send(data);
      const [back, isBinary] = await answer;
      assert.deepEqual(isBinary ? back : String(back), data);
    };
    for (const data of ["", "hello hello hello", "é€😀", "0123456789abcdef".repeat(100), BLOB, Buffer.alloc(5000, 7)]) await ask(data);
    await ask("hello hello hello");
    const whole = event(socket, "message");
    socket.send("in ", { fin: false });
    socket.send("", { fin: false });
    socket.send("parts", { fin: true });
    assert.equal(String((await whole)[0]), "in parts");
    const pong = event(socket, "pong");
    socket.ping("there?");
    assert.equal(String((await pong)[0]), "there?");
    const closed = event(socket, "close");
    socket.close(4000, "enough");
    assert.equal((await closed)[0], 4000);
    await sleep(50);
  }
  const EventSource = from("sse")("eventsource");
  const source = new EventSource(`${URL}/events`);
  const heard = [];
  const hear = ({ type, data, lastEventId }) => {
    heard.push([type, data, lastEventId]);
    log({ who: "client", dir: "s2c", layer: "sse", event: type, data, last_event_id: lastEventId });
  };
  for (const type of ["message", "last"]) source.addEventListener(type, hear);
  // It comes again by itself for the third, and then is told to stay away.
  await new Promise((done) => source.addEventListener("error", ({ status }) => status === 204 && done()));
  source.close();
  assert.deepEqual(heard, [["message", "number 1\nof 3", "1"], ["message", "number 2\nof 3", "2"], ["last", "number 3\nof 3", "3"]]);
  await sleep(100);
}

// ---- the lab's clients, and official servers ---------------------------------------------------------------------------

const carried = (entries, direction) =>
  entries.filter((entry) => entry.direction === direction && ["emitted", "acknowledged"].includes(entry.what.kind)).map(({ what }) => what);

async function callsSocketIo() {
  const { Server } = official()("socket.io");
  using("sio4", "socket.io", "engine.io");
  const server = http.createServer();
  const io = new Server(server, { pingInterval: 200, pingTimeout: 500 });
  const heard = [];
  const converse = (socket) => {
    socket.emit("welcome", socket.handshake.auth, BLOB);
    socket.onAny((name, ...args) => heard.push([name, ...args.filter((arg) => typeof arg !== "function")]));
    socket.on("echo", (...args) => args.pop()(...args));
    socket.on("say", (...args) => socket.emit("said", ...args));
    socket.on("ask me", () => socket.emit("question", 1, (...answer) => socket.emit("answered", ...answer)));
    socket.on("throw me out", () => socket.disconnect(true));
    socket.on("disconnect", (reason) => app("server", "disconnect", { reason }));
  };
  io.on("connection", converse);
  io.of("/admin").use((socket, next) => next(socket.handshake.auth.token === 1 ? undefined : new Error("not you")));
  io.of("/admin").on("connection", converse);
  server.listen(PORT, "127.0.0.1");
  await event(server, "listening");
  for (const transport of ["", " over websocket", " over polling"]) {
    heard.length = 0;
    const entries = await call(`
      ada connects to socket.io${transport} auth "{\\"token\\": \\"t\\"}"
      ada connects to socket.io namespace /admin auth "{\\"token\\": 1}"
      ada emits "echo" 1 -2.5 true null json "[{\\"a\\": []}]" "\\u00e9\\ud83d\\ude00" acknowledged
      ada emits "echo" binary hex 00ff10 binary of 3000 bytes acknowledged
      ada emits "say" "one" · ada emits "say" "two" · ada emits "say" binary hex 01
      ada emits "echo" 7 in /admin acknowledged
      ada emits "ask me"
      wait 300ms
      server emits "question" to ada acknowledged with "ada" binary hex 02
      ada disconnects`);
    const came = carried(entries, "to_client");
    const args = (name) => came.filter((what) => what.event === name).map((what) => what.args);
    const base64 = (...octets) => ({ base64: Buffer.from(octets).toString("base64") });
    assert.deepEqual(args("welcome")[0], [{ token: "t" }, base64(1, 2, 3, 4)]);
    assert.deepEqual(args("said"), [["one"], ["two"], [base64(1)]]);
    assert.deepEqual(args("answered"), [["ada", base64(2)]]);
    const acked = came.filter((what) => what.kind === "acknowledged").map((what) => what.args);
    assert.deepEqual(acked[0], [1, -2.5, true, null, [{ a: [] }], "é😀"]);
    assert.deepEqual([acked[1][0], acked[1].length, acked[2]], [base64(0, 255, 16), 2, [7]]);
    assert.equal(heard.length, 7, JSON.stringify(heard));
  }
  // Refused, and thrown out.
  const refused = await call(`ada connects to socket.io namespace /admin auth "{\\"token\\": 2}"`);
  assert.equal(carried(refused, "to_client").length, 0);
  await call(`ada connects to socket.io over websocket\nada emits "throw me out"\nwait 50ms`);
  await sleep(300);
  io.close();
}

/** The official server takes the lab's client back as the same, with what it missed. */
async function callsRecovery() {
  const { outgoing } = require("./socketio-hooks.cjs");
  const { Server } = official()("socket.io");
  using("sio4", "socket.io", "engine.io");
  const server = http.createServer();
  const io = new Server(server, { connectionStateRecovery: { maxDisconnectionDuration: 5000 } });
  const known = [];
  io.on("connection", (socket) => {
    known.push({ id: socket.id, recovered: socket.recovered });
    app("server", "recovered", { recovered: socket.recovered });
    outgoing(5, socket);
    socket.join("r");
    socket.on("say", (...args) => socket.emit("said", ...args));
    socket.on("disconnect", () => {
      io.to("r").emit("missed", "in the room", BLOB);
      io.to("other").emit("missed", "elsewhere");
      io.emit("missed", 2);
    });
  });
  server.listen(PORT, "127.0.0.1");
  await event(server, "listening");
  for (const transport of [" over websocket", ""]) {
    known.length = 0;
    const entries = await call(`
      server recovers connections
      ada connects to socket.io${transport} auth "{\\"token\\": \\"t\\"}"
      ada emits "say" "one" 1 · ada emits "say" "two" binary hex 00ff
      wait 100ms
      ada loses connection
      wait 200ms
      ada connects to socket.io${transport} recovering auth "{\\"token\\": \\"t\\"}"
      ada emits "say" "three"
      wait 100ms
      ada disconnects`);
    assert.deepEqual(known.map(({ recovered }) => recovered), [false, true]);
    assert.equal(known[0].id, known[1].id);
    const base64 = (...octets) => ({ base64: Buffer.from(octets).toString("base64") });
    assert.deepEqual(carried(entries, "to_client").map((what) => [what.event, ...what.args]), [
      ["said", "one", 1], ["said", "two", base64(0, 255)], ["missed", "in the room", base64(1, 2, 3, 4)], ["missed", 2], ["said", "three"],
    ]);
    await sleep(100);
  }
  io.close();
}

async function callsWeb() {
  using("ws", "ws");
  const ws = from("ws")("ws");
  wsHooks.hook(ws);
  wsHooks.senders(ws);
  const server = http.createServer((request, response) => {
    if (request.headers.accept !== "text/event-stream") return response.end("hello\n");
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    const id = Number(request.headers["last-event-id"] ?? 0) + 1;
    response.write(`id: ${id}\nevent: price\ndata: x\ndata: y\n\n`);
    log({ who: "server", dir: "s2c", client_port: request.socket.remotePort, layer: "sse", event: "price", data: "x\ny", id: String(id) });
    request.on("close", () => app("server", "left"));
  });
  const heard = [];
  for (const [path, perMessageDeflate] of [["/", false], ["/deflate", { threshold: 0 }], ["/apart", { threshold: 0, serverNoContextTakeover: true, clientNoContextTakeover: true }]]) {
    const served = new ws.WebSocketServer({ noServer: true, perMessageDeflate });
    served.on("connection", (socket) => {
      socket.on("message", (data, isBinary) => {
        heard.push(isBinary ? data : String(data));
        socket.send(data, { binary: isBinary });
      });
      socket.on("error", (error) => app("server", "error", { code: error.code }));
    });
    server.on("upgrade", (request, stream, head) => {
      if (request.url === path) served.handleUpgrade(request, stream, head, (socket) => served.emit("connection", socket, request));
    });
  }
  server.listen(PORT, "127.0.0.1");
  await event(server, "listening");
  for (const how of ["", " to /deflate with compression", " to /apart with compression without takeover"]) {
    heard.length = 0;
    const entries = await call(`
      ada connects${how}
      ada sends text "hello hello hello" · server sends text "x"
      2 times ada sends text "\\u00e9\\ud83d\\ude00" · server sends text "x" · server sends text "x"
      ada sends binary of 5000 bytes · server sends binary of 1 bytes
      ada sends fragments "Hel" "" "lo" · server sends text "x"
      ada pings "there?"
      ada closes 4001 "bye"`);
    const said = (direction) =>
      entries.filter(({ what, direction: way }) => way === direction && what.kind === "message" && !["ping", "pong"].includes(what.opcode)).map(({ what }) => what.payload);
    assert.deepEqual(said("to_client"), said("to_server"));
    assert.equal(heard.length, 5);
  }
  // What a server of ours refuses, another one refuses, too.
  await call(`ada connects\nada sends raw hex 830500000000\nwait 50ms`);
  const entries = await call(`
    dan gets / answered with "hello\\n" · dan gets /again · dan closes
    eve subscribes to /events · server publishes "x\\ny" as "price" with id "1" · wait 30ms
    fay subscribes to /events after "4" · server publishes "x\\ny" as "price" with id "5" to fay`);
  assert.deepEqual(entries.filter(({ what }) => what.kind === "event").map(({ what }) => what.id), ["1", "5"]);
  await sleep(300);
}

// ---- what the protocols' own test suites ask of a server ----------------------------------------------------------------

async function suite() {
  await require("./lab-suite.cjs")({ serve, url: URL, WebSocket: from("ws")("ws").WebSocket });
}

// ---- a browser ----------------------------------------------------------------------------------------------------------

async function browser() {
  await require("./lab-browser.cjs")({ serve, url: URL });
}

process.on("unhandledRejection", (error) => {
  console.error(error);
  process.exit(1);
});
setTimeout(() => { console.error("the play hangs"); process.exit(1); }, 60000).unref();
const plays = {
  "serves-socketio": servesSocketIo,
  "serves-web": servesWeb,
  "calls-socketio": callsSocketIo,
  "serves-recovery": servesRecovery,
  "calls-recovery": callsRecovery,
  "calls-web": callsWeb,
  suite,
  browser,
};
plays[play]().then(() => process.exit(0));
