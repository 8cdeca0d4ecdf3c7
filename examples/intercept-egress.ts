/**
 * aya's SkMsg example made visible: a program in the kernel sees what a TCP client sends, counts it, and can refuse it.
 *
 *     npm run demo        (as root, on Linux)
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { ArrayMap, Ebpf, SkMsg, SkmsgError, SockHash } from "skmsg";

const COUNTERS = ["messages", "bytes", "passed", "dropped"]; // enum counter of intercept-egress.bpf.c
const PASS_ALL = 0; // enum policy of intercept-egress.bpf.c
const DROP_WORD = 1;

try {
  await main();
} catch (error) {
  if (!(error instanceof SkmsgError)) throw error;
  console.error(`The demo cannot run here. ${error.message}`);
  if (error.code === "ERR_UNSUPPORTED_PLATFORM")
    console.error('In a container: docker run --rm --privileged -v "$PWD":/skmsg -w /skmsg node npm run demo');
  else if (error.code === "ERR_PERMISSION") console.error("As root: sudo npm run demo");
  process.exitCode = 1;
}

async function main(): Promise<void> {
  using bpf = Ebpf.load(new URL("intercept-egress.bpf.o", import.meta.url));
  const program = bpf.program("intercept_egress_packet", SkMsg);
  const sockets = bpf.map("INTERCEPT_EGRESS", SockHash<number>);
  const counters = bpf.map("COUNTERS", ArrayMap<bigint>);
  const policy = bpf.map("POLICY", ArrayMap<number>);
  program.load();
  const link = program.attach(sockets);
  const { id, tag, verifiedInstructions } = program.info();
  console.log(`Loaded ${program.name}: id ${id}, tag ${tag}, ${verifiedInstructions ?? "?"} instructions verified.`);
  console.log(`Attached it to the SockHash ${sockets.name} (id ${sockets.id}).`);

  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // a TCP server has no path

  // Only messages of sockets in the map are seen, and only of those inserted after the attach.
  const first = await connection(port, server);
  sockets.insert(1234, first.client, 0);
  console.log(`\nInserted the client of 127.0.0.1:${port} under key 1234; it sends:`);
  for (const message of ["foo", "hello, kernel", "three words more"]) console.log(`  ${await send(first, message)}`);
  show(counters);

  policy.set(0, DROP_WORD);
  console.log('\nThe policy map now says: drop what begins with "drop". The client sends:');
  console.log(`  ${await send(first, "drop this")}`);
  console.log(
    "  The writer got the refusal. It is sticky: the kernel refuses all that this socket writes from now on.",
  );
  show(counters);
  policy.set(0, PASS_ALL);

  const second = await connection(port, server);
  sockets.insert(1235, second.client, 0);
  console.log("\nA second client, under key 1235, sends:");
  console.log(`  ${await send(second, "seen")}`);
  show(counters);
  program.detach(link);
  // A socket keeps the program that it was bound to until it leaves the map.
  sockets.delete(1235);
  console.log("Detached the program, and took the socket out of the map. It sends:");
  console.log(`  ${await send(second, "and flows on unseen")}`);
  show(counters);

  for (const { client, peer } of [first, second]) for (const socket of [client, peer]) socket.destroy();
  server.close();
}

interface Connection {
  readonly client: Socket;
  readonly peer: Socket;
}

async function connection(port: number, server: NodeJS.EventEmitter): Promise<Connection> {
  const accepted = once(server, "connection");
  const client = connect(port, "127.0.0.1");
  await once(client, "connect");
  const [peer] = (await accepted) as [Socket]; // what "connection" carries
  client.on("error", () => {}); // send() tells of it
  return { client, peer };
}

/** Sends a message, and tells what became of it. */
async function send({ client, peer }: Connection, message: string): Promise<string> {
  const arrived = once(peer, "data");
  const error = await new Promise<NodeJS.ErrnoException | null | undefined>((done) => client.write(message, done));
  if (error) return `${JSON.stringify(message)} -> ${error.code} at the writer`;
  const [chunk] = await arrived;
  return `${JSON.stringify(message)} -> the server received ${JSON.stringify(String(chunk))}`;
}

function show(counters: ArrayMap<bigint>): void {
  const seen = COUNTERS.map((name, index) => `${counters.get(index)} ${name}`);
  console.log(`  The program counted: ${seen.join(", ")}`);
}
