/**
 * Objects that outlive the process, by scripts: works on what this pinned, and on what bpftool, libbpf or aya pinned.
 *
 *     pinned.ts pin DIR OBJECT.o    load, attach, pin program, maps and link below DIR (in bpffs), and exit
 *     pinned.ts show DIR            what is pinned there, and what the maps hold
 *     pinned.ts attach DIR          attach the pinned sk_msg program to the pinned SockHash or SockMap
 *     pinned.ts insert DIR PORT     connect to 127.0.0.1:PORT, insert the socket under key PORT, send stdin's lines
 *     pinned.ts detach DIR          undo the attach
 *     pinned.ts rm DIR              remove the pins
 */
import { once } from "node:events";
import { mkdirSync, rmdirSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Ebpf, KeyedMap, listPins, openPinned, PinnedLink, SkMsg, SkmsgError, SockHash, SockMap } from "skmsg";
import { AttachType, progDetach } from "skmsg/syscalls";

const [command = "", dir = "", argument = ""] = process.argv.slice(2);
// bpffs allows no dots in names.
const pathOf = (name: string): string => join(dir, name.replace(/\W/g, "_"));
const commands: Record<string, () => void | Promise<void>> = { pin, show, attach, insert, detach, rm };
const run = commands[command];
try {
  if (run === undefined || dir === "")
    throw new SkmsgError("ERR_USAGE", `pinned.ts ${Object.keys(commands).join("|")} DIR …`);
  await run();
} catch (error) {
  if (!(error instanceof SkmsgError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}

function pin(): void {
  using bpf = Ebpf.load(argument);
  bpf.loadAll();
  mkdirSync(dir, { recursive: true });
  for (const [name, program] of bpf.programs) if (program.isLoaded) program.pin(pathOf(name));
  for (const [name, map] of bpf.maps) map.pin(pathOf(name));
  attach();
}

function show(): void {
  for (const path of listPins(dir)) {
    using object = openPinned(path);
    console.log(path, object, JSON.stringify(object.info(), null, 1).replace(/\s+/g, " "));
    if (!(object instanceof KeyedMap)) continue;
    try {
      for (const [key, value] of object) console.log("   ", key, "=>", value);
    } catch (error) {
      console.log("   ", error instanceof Error ? error.message : error);
    }
  }
}

/** The first program, socket map and link that are pinned in DIR, with everything else there to be closed. */
function pinned() {
  const objects = [...listPins(dir)].map((path) => openPinned(path));
  const program = objects.find((object) => object instanceof SkMsg);
  const map = objects.find((object) => object instanceof SockHash || object instanceof SockMap);
  const link = objects.find((object) => object instanceof PinnedLink);
  if (!program || !map) throw new SkmsgError("ERR_USAGE", `${dir} holds no sk_msg program, or no socket map.`);
  return { program, map, link, [Symbol.dispose]: () => objects.forEach((object) => void object.close()) };
}

function attach(): void {
  using found = pinned();
  const link = found.program.takeLink(found.program.attach(found.map));
  // Before Linux 6.10 it is a plain attach, which has no id and stays with the map by itself.
  const how = link.id === undefined ? "as long as the map lives" : `held by ${link.pin(pathOf("link")).path}`;
  console.log(`${found.program.name} is attached to ${found.map.name}, ${how}.`);
}

async function insert(): Promise<void> {
  using found = pinned();
  const socket = connect(Number(argument), "127.0.0.1");
  await once(socket, "connect");
  found.map.set(Number(argument), socket);
  console.log(`Inserted under key ${argument}; the entry leaves when the socket closes.`);
  for await (const line of createInterface({ input: process.stdin })) socket.write(`${line}\n`);
  socket.end();
}

function detach(): void {
  using found = pinned();
  const { program, map, link } = found;
  if (link) link.unpin().detach();
  else progDetach({ target_fd: map.fd, attach_bpf_fd: program.fd, attach_type: AttachType.SkMsgVerdict });
}

function rm(): void {
  for (const path of listPins(dir)) {
    using object = openPinned(path);
    if (object instanceof PinnedLink) object.unpin().detach();
    else object.unpin();
  }
  rmdirSync(dir);
}
