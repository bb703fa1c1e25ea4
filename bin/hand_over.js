/**
 * The way in, in plain JavaScript that any Node from 20 up runs: installs what is missing, then hands
 * over to a Node that strips types, the host's or the one that the project brings from npm.
 * Uses nothing from node_modules. Says what it does on stderr, one line each.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, lstatSync, readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** The major of the Lambda runtime, NODEJS_24_X: what the code is written for. */
const NODE_MAJOR = 24;

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const MODULES = path.join(ROOT, 'node_modules');

/** @param {readonly string[]} args a file of the clone and its arguments, or `--tool NAME` and its arguments */
export async function handOver(args) {
  if (isInstallDue()) install();
  const [file, rest] = args[0] === '--tool' ? [toolFile(args[1]), args.slice(2)] : ownFile(args);
  process.env.PATH = [path.join(MODULES, '.bin'), process.env.PATH].join(path.delimiter);
  if (isHostFit()) {
    process.argv.splice(1, process.argv.length - 1, file, ...rest);
    await import(pathToFileURL(file).href);
    return;
  }
  runWith(projectNode(), [file, ...rest]);
}

/** By content, not by date: a fresh checkout of an old lock file is no reason to install again. */
function isInstallDue() {
  const hidden = path.join(MODULES, '.package-lock.json');
  if (isLink(MODULES)) return false; // Somebody else keeps it, e.g. for several work trees.
  if (!existsSync(hidden)) return true;
  const wanted = Object.entries(readJson(path.join(ROOT, 'package-lock.json')).packages);
  const installed = readJson(hidden).packages;
  return wanted.some(([name, { version, optional }]) => {
    if (name === '' || (optional && installed[name] === undefined)) return false;
    return installed[name]?.version !== version;
  });
}

function install() {
  say('Installing what is needed (npm ci); this happens once');
  const flags = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
  const npm = process.env.npm_execpath;
  // Inside `npm run` that very npm; else the one on PATH, which is a batch file on Windows.
  const [command, args] = npm?.endsWith('.js')
    ? [process.execPath, [npm, ...flags]]
    : ['npm', flags];
  const shell = command === 'npm' && process.platform === 'win32';
  // Its output goes to stderr: stdout belongs to the command, e.g. a token inside $(…).
  const done = spawnSync(command, args, { cwd: ROOT, stdio: ['ignore', 2, 2], shell });
  if (done.status !== 0) fail('Cannot install: npm ci failed; see its message above');
}

function isHostFit() {
  const major = Number(process.versions.node.split('.')[0]);
  return major >= NODE_MAJOR && Boolean(process.features.typescript);
}

function projectNode() {
  const name = process.platform === 'win32' ? 'node.exe' : 'node';
  const node = path.join(MODULES, 'node', 'bin', name);
  if (!existsSync(node)) {
    fail(
      `Cannot run: Node ${process.versions.node} is too old, and the project's own Node ${NODE_MAJOR} is not ` +
        'installed. Run "npm ci" without --ignore-scripts and --omit=optional, or use Node 24 or newer',
    );
  }
  say(
    `Node ${process.versions.node} is too old to run this: using the project's own Node ${NODE_MAJOR}`,
  );
  return node;
}

/** Signals are passed on, and so is how it ended: to the caller it is as if there were one process. */
function runWith(node, args) {
  const env = { ...process.env };
  // The channel carries no messages: its end tells the child that this process is gone (kill -9 too).
  const child = spawn(node, args, { stdio: ['inherit', 'inherit', 'inherit', 'ipc'], env });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.on(signal, () => child.kill(signal));
  child.on('error', (error) => fail(`Cannot run ${node}: ${error.message}`));
  child.on('exit', (code, signal) => {
    process.exit(signal === null ? code : 128 + os.constants.signals[signal]);
  });
}

function ownFile([file, ...rest]) {
  if (file === undefined)
    fail('Usage: node bin/enter.js FILE [arguments], or --tool NAME [arguments]');
  return [path.join(ROOT, file), rest];
}

function toolFile(name) {
  const directory = path.join(MODULES, name ?? '');
  const { bin } = readJson(path.join(directory, 'package.json'));
  return path.join(directory, typeof bin === 'string' ? bin : bin[name]);
}

function readJson(file) {
  return JSON.parse(readFileSync(file, 'utf8'));
}

function isLink(file) {
  return lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
}

function say(line) {
  process.stderr.write(`${line}\n`);
}

function fail(line) {
  say(line);
  process.exit(1);
}
