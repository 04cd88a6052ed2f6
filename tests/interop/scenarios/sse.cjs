// Plays of server-sent events: `node sse.cjs curl|eventsource`. A small Node server writes the streams and knows which
// events they mean (WHATWG HTML 9.2.6); curl only reads; npm `eventsource` understands them, and reconnects by itself.

const { spawn } = require("node:child_process");
const http = require("node:http");
const { log, from, using, sleep, event } = require("./log.cjs");
require("./http-hooks.cjs");

/** Each stream: the pieces written one by one, and the events in them. `CR LF` and `CR` come from replacing LF. */
const LINES = {
  pieces: [
    ": a comment first\n\n",
    "retry: 150\n\n",
    "data: plain\n\n",
    "event: greet\ndata: hello\nid: 1\n\n",
    "data: two\ndata: lines\nid: 2\n\n",
    "data:no space\n\ndata:  two spaces\n\n",
    "data\n\n",
    // An event cut into three pieces: chunks are not events.
    "da", "ta: cut in", " pieces\n\n",
    ": keep-alive\n",
    "unknown: field\ndata: é€😀\n\n",
    "event: nothing dispatched, there is no data\n\n",
    "id\ndata: the id is empty again\n\n",
    "id: 9\ndata: last\n\n",
    "data: unfinished, and so discarded",
  ],
  events: [
    { event: "message", data: "plain", id: null, last_event_id: "" },
    { event: "greet", data: "hello", id: "1", last_event_id: "1" },
    { event: "message", data: "two\nlines", id: "2", last_event_id: "2" },
    { event: "message", data: "no space", id: null, last_event_id: "2" },
    { event: "message", data: " two spaces", id: null, last_event_id: "2" },
    { event: "message", data: "", id: null, last_event_id: "2" },
    { event: "message", data: "cut in pieces", id: null, last_event_id: "2" },
    { event: "message", data: "é€😀", id: null, last_event_id: "2" },
    { event: "message", data: "the id is empty again", id: "", last_event_id: "" },
    { event: "message", data: "last", id: "9", last_event_id: "9" },
  ],
};

async function stream(request, response, { pieces, events }, ending = "\n") {
  response.writeHead(200, { "Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-store" });
  for (const piece of pieces) {
    response.write(piece.replaceAll("\n", ending));
    await sleep(15);
  }
  response.end();
  const client_port = request.socket.remotePort;
  for (const sent of events) log({ who: "server", dir: "s2c", client_port, layer: "sse", ...sent });
}

const AFTER = {
  pieces: ["id: 10\ndata: after the break\n\n"],
  events: [{ event: "message", data: "after the break", id: "10", last_event_id: "10" }],
};

const server = http.createServer((request, response) => {
  // Whoever has seen it all is told, by 204, not to come back.
  const last = request.headers["last-event-id"];
  if (last === "10") return response.writeHead(204).end();
  if (last === "9") return stream(request, response, AFTER);
  if (request.url === "/bom") return stream(request, response, { pieces: ["\ufeff", "data: after a byte order mark\n\n"], events: [
    { event: "message", data: "after a byte order mark", id: null, last_event_id: "" },
  ] });
  stream(request, response, LINES, { "/lf": "\n", "/crlf": "\r\n", "/cr": "\r" }[request.url]);
});

/** curl keeps no state: the id it saw last is handed back by hand, as EventSource does by itself. */
async function curl() {
  const ask = async (path, ...options) => {
    const reader = spawn("curl", ["--silent", "--no-buffer", "--max-time", "5", ...options, "http://127.0.0.1:8080" + path]);
    reader.stdout.resume();
    await event(reader, "close");
  };
  const version = spawn("curl", ["--version"]);
  const [text] = await event(version.stdout, "data");
  log({ programs: { curl: String(text).split(" ")[1] } });
  for (const path of ["/lf", "/crlf", "/cr", "/bom"]) await ask(path, "-H", "Accept: text/event-stream");
  await ask("/lf", "-H", "Last-Event-ID: 9");
  await ask("/lf", "-H", "Last-Event-ID: 10");
}

async function eventsource() {
  using("sse", "eventsource");
  const EventSource = from("sse")("eventsource");
  for (const path of ["/lf", "/crlf", "/cr"]) {
    const source = new EventSource("http://127.0.0.1:8080" + path);
    const heard = ({ type, data, lastEventId }) => {
      log({ who: "client", dir: "s2c", layer: "sse", event: type, data, last_event_id: lastEventId });
    };
    source.addEventListener("message", heard);
    source.addEventListener("greet", heard);
    // It comes back with Last-Event-ID: 9, then 10, and is sent away with 204.
    await new Promise((done) => source.addEventListener("error", ({ status }) => {
      log({ who: "client", layer: "app", event: "error", status });
      if (status === 204) done();
    }));
    source.close();
    await sleep(50);
  }
}

server.listen(8080, "127.0.0.1", async () => {
  await { curl, eventsource }[process.argv[2]]();
  await sleep(100);
  process.exit(0);
});
setTimeout(() => { console.error("the play hangs"); process.exit(1); }, 20000).unref();
