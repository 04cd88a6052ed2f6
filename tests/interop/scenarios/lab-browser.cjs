// A real browser and the lab's servers: Chromium's own WebSocket, EventSource and fetch, driven by puppeteer-core. The browser
// comes from npm (@sparticuz/chromium), for no registry of Debian's lets it be unpacked without installing it.

const assert = require("node:assert/strict");
const path = require("node:path");
const { log, from, using, sleep } = require("./log.cjs");

module.exports = async ({ serve, url }) => {
  using("chromium", "@sparticuz/chromium", "puppeteer-core");
  // There it was unpacked when it was installed.
  process.env.TMPDIR = path.join(process.env.INTEROP_PACKAGES, "chromium", "unpacked");
  const browserOf = from("chromium");
  const { default: chromium } = await import(browserOf.resolve("@sparticuz/chromium"));
  const { default: puppeteer } = await import(browserOf.resolve("puppeteer-core"));
  await serve("web");
  const browser = await puppeteer.launch({
    args: [...chromium.args, "--no-sandbox", "--disable-background-networking"],
    executablePath: await chromium.executablePath(),
    headless: "shell",
    pipe: true,
  });
  log({ programs: { chromium: (await browser.version()).split("/")[1] } });
  const page = await browser.newPage();
  await page.goto(url, { waitUntil: "load" });
  const heard = await page.evaluate(async () => {
    const lines = [];
    const note = (line) => lines.push(line);
    const sha = async (octets) =>
      [...new Uint8Array(await crypto.subtle.digest("SHA-256", octets))].map((octet) => octet.toString(16).padStart(2, "0")).join("");
    const bytes = (data) => (typeof data === "string" ? new TextEncoder().encode(data) : new Uint8Array(data));
    const tell = async (dir, data) => {
      const octets = bytes(data);
      const text = typeof data === "string";
      const line = { who: "client", dir, layer: "websocket", opcode: text ? "text" : "binary", payload_len: octets.length, payload_sha256: await sha(octets) };
      note(text && octets.length <= 200 ? { ...line, text: data } : line);
    };
    const at = (path) => `${location.origin.replace("http", "ws")}${path}`;
    for (const where of ["/", "/deflate", "/deflate/apart"]) {
      const socket = new WebSocket(at(where), ["chat"]);
      socket.binaryType = "arraybuffer";
      await new Promise((done) => (socket.onopen = done));
      if (socket.protocol !== "chat") throw new Error(`it speaks ${socket.protocol}`);
      if ((socket.extensions !== "") !== (where !== "/")) throw new Error(`${where}: ${socket.extensions}`);
      for (const data of ["", "hello hello hello", "é€😀", "0123456789abcdef".repeat(100), Uint8Array.of(1, 2, 3, 4).buffer, new Uint8Array(5000).buffer]) {
        const answer = new Promise((done) => (socket.onmessage = ({ data }) => done(data)));
        socket.send(data);
        await tell("c2s", data);
        const back = await answer;
        await tell("s2c", back);
        if (bytes(back).join() !== bytes(data).join()) throw new Error(`${where}: something else came back`);
      }
      const closed = new Promise((done) => (socket.onclose = done));
      socket.close(4000, "enough");
      const { code, reason, wasClean } = await closed;
      if (!wasClean) throw new Error("it was not closed in order");
      for (const dir of ["c2s", "s2c"]) note({ who: "client", dir, layer: "websocket", opcode: "close", close_code: code, close_reason: reason });
    }
    const source = new EventSource("/events");
    await new Promise((done) => {
      const hear = ({ type, data, lastEventId }) => note({ who: "client", dir: "s2c", layer: "sse", event: type, data, last_event_id: lastEventId });
      source.addEventListener("message", hear);
      source.addEventListener("last", hear);
      // It comes again by itself, until it is told to stay away.
      source.addEventListener("error", () => source.readyState === EventSource.CLOSED && done());
    });
    if ((await (await fetch("/again")).text()) !== "hello\n") throw new Error("fetch got something else");
    return lines;
  });
  heard.forEach(log);
  const events = heard.filter(({ layer }) => layer === "sse").map(({ event, last_event_id }) => [event, last_event_id]);
  assert.deepEqual(events, [["message", "1"], ["message", "2"], ["last", "3"]]);
  await browser.close();
  await sleep(200);
};
