// UDP between two sockets of Node (`dgram`), over 127.0.0.1:5005 with an MTU of 1500: what is longer comes in fragments,
// cut and put together by the kernel.

const dgram = require("node:dgram");
const { log, payload, event } = require("./log.cjs");

const server = dgram.createSocket("udp4");
const client = dgram.createSocket("udp4");

function heard(who, dir, data, client_port) {
  const { payload_len, payload_sha256 } = payload(data);
  log({ who, dir, client_port, layer: "udp", payload_len, payload_sha256 });
}

server.on("message", (data, from) => {
  heard("server", "c2s", data, from.port);
  server.send(Buffer.from(data).reverse(), from.port, from.address);
});
client.on("message", (data) => heard("client", "s2c", data, client.address().port));

server.bind(5005, "127.0.0.1", async () => {
  for (const length of [0, 1, 18, 512, 1472, 1473, 4000, 9000]) {
    const answer = event(client, "message");
    client.send(Buffer.from(Array.from({ length }, (_, n) => n * 31)), 5005, "127.0.0.1");
    await answer;
  }
  setTimeout(() => process.exit(0), 50);
});
