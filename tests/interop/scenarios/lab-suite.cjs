// What the test suites of the Engine.IO and Socket.IO protocols ask of a server (version 4 and 5 of each), asked of the lab's,
// with their heartbeat: it asks every 300 ms and waits 200 ms. The cases are theirs, the words are ours:
// https://github.com/socketio/engine.io-protocol/tree/main/test-suite and the same of socket.io-protocol.

const assert = require("node:assert/strict");
const { sleep, log } = require("./log.cjs");

const [EVERY, WITHIN] = [300, 200];

module.exports = async ({ serve, url, WebSocket }) => {
  await serve(`socketio ${EVERY} ${WITHIN}`);
  const base = `${url}/socket.io/?EIO=4`;
  const ask = (query, options) => fetch(`${url}/socket.io/?${query}`, options);
  const polling = (sid, options) => fetch(`${base}&transport=polling${sid ? `&sid=${sid}` : ""}`, options);
  const post = (sid, body) => polling(sid, { method: "post", body });

  /** A WebSocket whose messages wait until somebody asks for them. */
  const open = (query = "EIO=4&transport=websocket", path = "socket.io") => {
    const socket = new WebSocket(`${url.replace("http", "ws")}/${path}/?${query}`);
    const [came, wanted] = [[], []];
    let over;
    socket.closed = new Promise((done) => (over = done));
    socket.on("error", () => {});
    socket.on("close", () => {
      over();
      wanted.splice(0).forEach((next) => next(undefined));
    });
    socket.on("message", (data, isBinary) => {
      const said = isBinary ? data : String(data);
      if (said === "2" && !socket.showsPings) return socket.answers === false || socket.send("3");
      const next = wanted.shift();
      if (next) next(said);
      else came.push(said);
    });
    socket.hear = () => (came.length > 0 ? Promise.resolve(came.shift()) : new Promise((done) => wanted.push(done)));
    return socket;
  };
  const begun = async () => JSON.parse((await (await polling()).text()).slice(1)).sid;
  /** A session in which nothing waits: the lab's library asks for the first time as soon as it is opened, not after 300 ms. */
  const quiet = async () => {
    const sid = await begun();
    assert.equal(await (await polling(sid)).text(), "2");
    await post(sid, "3");
    return sid;
  };
  /** A session of bare Engine.IO by polling, in which nothing waits. */
  const echoes = async () => {
    const at = `${url}/engine.io/?EIO=4&transport=polling`;
    const { sid } = JSON.parse((await (await fetch(at)).text()).slice(1));
    const session = {
      get: () => fetch(`${at}&sid=${sid}`),
      post: (body) => fetch(`${at}&sid=${sid}`, { method: "post", body }),
    };
    assert.equal(await (await session.get()).text(), "2");
    await session.post("3");
    return session;
  };
  const joined = async () => {
    const socket = open();
    await socket.hear();
    socket.send("40");
    await socket.hear();
    await socket.hear(); // what it said of itself
    return socket;
  };
  const keys = ["maxPayload", "pingInterval", "pingTimeout", "sid", "upgrades"];
  const checkOpen = (said, upgrades) => {
    assert.equal(said[0], "0");
    const told = JSON.parse(said.slice(1));
    assert.deepEqual(Object.keys(told).sort(), keys);
    const { sid, ...rest } = told;
    assert.equal(typeof sid, "string");
    assert.deepEqual(rest, { upgrades, pingInterval: EVERY, pingTimeout: WITHIN, maxPayload: 1000000 });
  };
  const closes = (socket) =>
    Promise.race([socket.closed, sleep(2000).then(() => { throw new Error("it was not closed"); })]);

  const cases = {
    // ---- Engine.IO: handshake
    "polling opens a session": async () => {
      const answer = await polling();
      assert.equal(answer.status, 200);
      checkOpen(await answer.text(), ["websocket"]);
    },
    "polling without a version, or with another": async () => {
      for (const query of ["transport=polling", "EIO=abc&transport=polling"]) assert.equal((await ask(query)).status, 400);
    },
    "polling without a transport, or with another": async () => {
      for (const query of ["EIO=4", "EIO=4&transport=abc"]) assert.equal((await ask(query)).status, 400);
    },
    "a session is opened by GET only": async () => {
      for (const method of ["post", "put"]) assert.equal((await polling(undefined, { method })).status, 400);
    },
    "a WebSocket opens a session": async () => {
      const socket = open();
      checkOpen(await socket.hear(), []);
      socket.close();
      await closes(socket);
    },
    "a WebSocket without a version, or with another": async () => {
      for (const query of ["transport=websocket", "EIO=abc&transport=websocket"]) await closes(open(query));
    },
    "a WebSocket without a transport, or with another": async () => {
      for (const query of ["EIO=4", "EIO=4&transport=abc"]) await closes(open(query));
    },
    // ---- heartbeat
    "the server asks by polling, and is answered": async () => {
      const sid = await begun();
      for (let i = 0; i < 3; i++) {
        const asked = await polling(sid);
        assert.deepEqual([asked.status, await asked.text()], [200, "2"]);
        assert.equal((await post(sid, "3")).status, 200);
      }
    },
    "who does not answer by polling has no session any more": async () => {
      const sid = await begun();
      await sleep(EVERY + WITHIN + 50);
      assert.equal((await polling(sid)).status, 400);
    },
    "the server asks over a WebSocket, and is answered": async () => {
      const socket = open();
      socket.showsPings = true;
      await socket.hear();
      for (let i = 0; i < 3; i++) {
        assert.equal(await socket.hear(), "2");
        socket.send("3");
      }
      socket.close();
    },
    "who does not answer over a WebSocket is cut off": async () => {
      const socket = open();
      socket.answers = false;
      await closes(socket);
    },
    // ---- close
    "a session is closed by polling": async () => {
      const sid = await quiet();
      const waiting = polling(sid);
      await sleep(20);
      const [poll, done] = await Promise.all([waiting, post(sid, "1")]);
      assert.deepEqual([poll.status, await poll.text(), done.status], [200, "6", 200]);
      assert.equal((await polling(sid)).status, 400);
    },
    "a session is closed over a WebSocket": async () => {
      const socket = open();
      await socket.hear();
      socket.send("1");
      await closes(socket);
    },
    // ---- upgrade
    "a session goes over to a WebSocket": async () => {
      const sid = await begun();
      const socket = open(`EIO=4&transport=websocket&sid=${sid}`);
      await new Promise((done) => socket.on("open", done));
      socket.send("2probe");
      assert.equal(await socket.hear(), "3probe");
      const poll = await polling(sid);
      assert.deepEqual([poll.status, await poll.text()], [200, "6"]);
      socket.send("5");
      socket.send("40");
      assert.match(await socket.hear(), /^40\{"sid":"/);
      socket.close();
    },
    "polls of a session that has gone over are refused": async () => {
      const sid = await begun();
      const socket = open(`EIO=4&transport=websocket&sid=${sid}`);
      await new Promise((done) => socket.on("open", done));
      socket.send("2probe");
      socket.send("5");
      await sleep(50);
      assert.equal((await polling(sid)).status, 400);
      socket.close();
    },
    "so is a second WebSocket": async () => {
      const sid = await begun();
      const socket = open(`EIO=4&transport=websocket&sid=${sid}`);
      await new Promise((done) => socket.on("open", done));
      socket.send("2probe");
      socket.send("5");
      await sleep(50);
      await closes(open(`EIO=4&transport=websocket&sid=${sid}`));
      socket.close();
    },
    // ---- messages by polling
    "what is no packet ends a session": async () => {
      const sid = await begun();
      assert.equal((await post(sid, "abc")).status, 400);
      assert.equal((await polling(sid)).status, 400);
    },
    "two polls at once end a session": async () => {
      const sid = await quiet();
      const first = polling(sid);
      await sleep(20);
      assert.equal((await polling(sid)).status, 400);
      assert.equal((await first).status, 200);
      assert.equal((await polling(sid)).status, 400);
    },
    // ---- messages of bare Engine.IO, which its server sends back
    "text comes back by polling": async () => {
      const { get, post } = await echoes();
      const sent = await post("4hello");
      assert.deepEqual([sent.status, await sent.text()], [200, "ok"]);
      const came = await get();
      assert.deepEqual([came.status, await came.text()], [200, "4hello"]);
    },
    "several packets come back by polling": async () => {
      const { get, post } = await echoes();
      const said = ["4test1", "4test2", "4test3"];
      const sent = await post(said.join("\x1e"));
      assert.deepEqual([sent.status, await sent.text()], [200, "ok"]);
      const came = [];
      while (came.length < said.length) came.push(...(await (await get()).text()).split("\x1e"));
      assert.deepEqual(came, said);
    },
    "octets come back by polling": async () => {
      const { get, post } = await echoes();
      const sent = await post("4hello\x1ebAQIDBA==");
      assert.deepEqual([sent.status, await sent.text()], [200, "ok"]);
      const came = [];
      while (came.length < 2) came.push(...(await (await get()).text()).split("\x1e"));
      assert.deepEqual(came, ["4hello", "bAQIDBA=="]);
    },
    "text comes back over a WebSocket": async () => {
      const socket = open(undefined, "engine.io");
      await socket.hear();
      socket.send("4hello");
      assert.equal(await socket.hear(), "4hello");
      socket.close();
    },
    "octets come back over a WebSocket": async () => {
      const socket = open(undefined, "engine.io");
      await socket.hear();
      socket.send(Buffer.from([1, 2, 3, 4]));
      assert.deepEqual(await socket.hear(), Buffer.from([1, 2, 3, 4]));
      socket.close();
    },
    "what is no packet ends a session over a WebSocket": async () => {
      const socket = open(undefined, "engine.io");
      await socket.hear();
      socket.send("abc");
      await closes(socket);
    },
    // ---- Socket.IO: connect
    "the main namespace is joined": async () => {
      for (const [said, auth] of [["40", "{}"], ['40{"token":"123"}', '{"token":"123"}']]) {
        const socket = open();
        await socket.hear();
        socket.send(said);
        const answer = await socket.hear();
        assert.deepEqual(Object.keys(JSON.parse(answer.slice(2))), ["sid"]);
        assert.equal(await socket.hear(), `42["auth",${auth}]`);
        socket.close();
      }
    },
    "another namespace is joined": async () => {
      for (const [said, auth] of [["40/custom,", "{}"], ['40/custom,{"token":"abc"}', '{"token":"abc"}']]) {
        const socket = open();
        await socket.hear();
        socket.send(said);
        assert.match(await socket.hear(), /^40\/custom,\{"sid":"/);
        assert.equal(await socket.hear(), `42/custom,["auth",${auth}]`);
        socket.close();
      }
    },
    "a namespace that is not there is refused": async () => {
      const socket = open();
      await socket.hear();
      socket.send("40/random");
      assert.equal(await socket.hear(), '44/random,{"message":"Invalid namespace"}');
      socket.close();
    },
    "what is no CONNECT ends the session": async () => {
      const socket = open();
      await socket.hear();
      socket.send("4abc");
      await closes(socket);
    },
    // ---- disconnect
    "the main namespace is left": async () => {
      const socket = await joined();
      socket.showsPings = true;
      socket.send("41");
      // The session goes on: what comes next is the server's question whether the client is there.
      assert.equal(await socket.hear(), "2");
      socket.close();
    },
    "another namespace is left, and the main one goes on": async () => {
      const socket = await joined();
      socket.send("40/custom");
      await socket.hear();
      await socket.hear();
      socket.send("41/custom");
      socket.send('42["message","to the main namespace"]');
      assert.equal(await socket.hear(), '42["message-back","to the main namespace"]');
      socket.close();
    },
    // ---- events and acknowledgements
    "an event comes back": async () => {
      const socket = await joined();
      socket.send('42["message",1,"2",{"3":[true]}]');
      assert.equal(await socket.hear(), '42["message-back",1,"2",{"3":[true]}]');
      socket.close();
    },
    "an event with octets comes back": async () => {
      const socket = await joined();
      const places = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}';
      socket.send(`452-["message",${places}]`);
      socket.send(Buffer.from([1, 2, 3]));
      socket.send(Buffer.from([4, 5, 6]));
      const [event, ...octets] = [await socket.hear(), await socket.hear(), await socket.hear()];
      // In which order a map's keys are written is left open.
      assert.equal(event.slice(0, 4), "452-");
      assert.deepEqual(JSON.parse(event.slice(4)), JSON.parse(`["message-back",${places}]`));
      assert.deepEqual(octets, [Buffer.from([1, 2, 3]), Buffer.from([4, 5, 6])]);
      socket.close();
    },
    "an event is acknowledged": async () => {
      const socket = await joined();
      socket.send('42456["message-with-ack",1,"2",{"3":[false]}]');
      assert.equal(await socket.hear(), '43456[1,"2",{"3":[false]}]');
      socket.close();
    },
    "an event with octets is acknowledged": async () => {
      const socket = await joined();
      socket.send('452-789["message-with-ack",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]');
      socket.send(Buffer.from([1, 2, 3]));
      socket.send(Buffer.from([4, 5, 6]));
      const [event, ...octets] = [await socket.hear(), await socket.hear(), await socket.hear()];
      assert.equal(event.slice(0, 7), "462-789");
      assert.deepEqual(JSON.parse(event.slice(7)), [{ _placeholder: true, num: 0 }, { _placeholder: true, num: 1 }]);
      assert.deepEqual(octets, [Buffer.from([1, 2, 3]), Buffer.from([4, 5, 6])]);
      socket.close();
    },
    "a broken packet ends the session": async () => {
      for (const broken of ["4abc", "42{}", "42abc", "42/custom,{}"]) {
        const socket = await joined();
        socket.send(broken);
        await closes(socket);
      }
    },
  };
  const failed = [];
  for (const [name, run] of Object.entries(cases)) {
    try {
      await run();
      log({ who: "client", layer: "app", event: "case", name });
    } catch (error) {
      failed.push(`${name}: ${error.message.split("\n").slice(0, 6).join(" ")}`);
    }
  }
  console.log(`lab-suite: ${Object.keys(cases).length - failed.length} of ${Object.keys(cases).length} cases hold`);
  assert.deepEqual(failed, []);
};
