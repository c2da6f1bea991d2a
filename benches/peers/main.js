// Runs every subject in turn, round after round, and prints what each comes to against the
// others. Started by `run`, which installs and builds what it needs.
'use strict';

const { execFile, spawn } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { promisify } = require('node:util');

const run = promisify(execFile);
const HERE = __dirname;
const PROTOS = path.join(HERE, '../../proto');
// How long a server may take to say where it serves.
const PATIENCE = 30_000;

// What is compared: over which two, and the goal.
const RATIOS = {
    embedded_vs_echo: ['embedded', 'echo', 0.5],
    redis_vs_echo: ['redis', 'echo', 0.4],
    redis_vs_bullmq_grpc: ['redis', 'bullmq_grpc', 5],
    redis_vs_bullmq: ['redis', 'bullmq', 2],
    always_vs_everysec: ['redis_always', 'redis', 0.6],
    replicated_vs_everysec: ['redis_replicated', 'redis', 0.3],
    stream_vs_function: ['stream', 'function', 0.8],
    lives_vs_bullmq: ['lives', 'bullmq_lives', 3],
};

// Each gives orders a second.
const SUBJECTS = {
    echo: () => unary('echo'),
    embedded: () => unary('redb'),
    redis: () => withRedis('everysec', (port) => unary(`redis://127.0.0.1:${port}`)),
    bullmq_grpc: () => best(bullmqGrpc),
    bullmq: () => best((port, processes) => bullmq('add', port, processes)),
    redis_always: () => withRedis('always', (port) => unary(`redis://127.0.0.1:${port}`)),
    // Answered once a replica has it, too (WAIT 1).
    redis_replicated: () =>
        withRedis('always', (port) => withReplica(port, () => unary(`redis://127.0.0.1:${port}`, ['--replicas', '1']))),
    function: () => withRedis('everysec', bareFunction),
    stream: () => withRedis('everysec', (port) => ours('stream', port, ['--streams', '256'])),
    lives: () => mostUnderWay((n) => withRedis('everysec', (port) => ours('lives', port, livesOf(n)))),
    bullmq_lives: () => mostUnderWay((n) => best((port, processes) => bullmq('lives', port, processes, [n]))),
};

const options = read(process.argv.slice(2));
// Everything started and not yet ended.
const children = new Set();
process.on('exit', () => children.forEach((child) => child.kill('SIGKILL')));
process.on('SIGINT', () => process.exit(130));
process.on('SIGTERM', () => process.exit(143));
main().catch((error) => {
    console.error(`benches/peers: ${error.message}`);
    process.exit(1);
});

async function main() {
    options.home = fs.mkdtempSync(path.join(os.tmpdir(), 'hotline-peers-'));
    process.on('exit', () => fs.rmSync(options.home, { recursive: true, force: true }));
    options.message = path.join(options.home, 'message.bin');
    await run(options.submit, ['message', options.message, '--bytes', String(options.bytes)]);
    const rates = Object.fromEntries(options.only.map((name) => [name, []]));
    for (let round = 1; round <= options.rounds; round++) {
        // There and back again: whatever the machine does slowly meets each in turn.
        const order = round % 2 ? options.only : options.only.slice().reverse();
        for (const name of order) {
            const rate = await SUBJECTS[name]();
            rates[name].push(rate);
            console.error(`round ${round}: ${name.padEnd(13)} ${Math.round(rate)}/s`);
        }
    }
    const ratios = {};
    for (const [name, [ours, theirs]] of Object.entries(RATIOS)) {
        if (!rates[ours] || !rates[theirs]) continue;
        ratios[name] = rates[ours].map((rate, round) => rate / rates[theirs][round]);
    }
    if (options.output === 'json') console.log(JSON.stringify(summary(rates, ratios)));
    else table(rates, ratios);
}

// One line: each ratio's median, and beside it the least and the most of the rounds.
function summary(rates, ratios) {
    const each = (all, value) => Object.fromEntries(Object.entries(all).map(([k, v]) => [k, value(v)]));
    return {
        ...each(ratios, (all) => rounded(median(all))),
        spread: each(ratios, (all) => [rounded(Math.min(...all)), rounded(Math.max(...all))]),
        rates: each(rates, (all) => Math.round(median(all))),
        rounds: options.rounds,
        seconds: options.seconds,
        bytes: options.bytes,
        reads: options.model ? 'a trained model' : 'keywords alone',
        cores: os.cpus().length,
        cpu: os.cpus()[0]?.model.trim(),
        date: new Date().toISOString().slice(0, 10),
    };
}

function table(rates, ratios) {
    const { cores, cpu, date, reads } = summary(rates, ratios);
    console.log(`${date}, ${cores} cores, ${cpu}; ${options.bytes} bytes, ${reads}, median of ${options.rounds}\n`);
    for (const [name, all] of Object.entries(rates)) {
        console.log(`${name.padEnd(22)} ${String(Math.round(median(all))).padStart(9)}/s`);
    }
    console.log();
    for (const [name, all] of Object.entries(ratios)) {
        const [, , goal] = RATIOS[name];
        const [least, most] = [Math.min(...all), Math.max(...all)].map((n) => n.toFixed(2));
        const middle = median(all);
        const word = middle >= goal ? '' : '   behind';
        console.log(`${name.padEnd(22)} ${middle.toFixed(2).padStart(9)}   ${least} to ${most}, goal ${goal}${word}`);
    }
}

function median(all) {
    const sorted = all.slice().sort((a, b) => a - b);
    const middle = sorted.length >> 1;
    return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function rounded(ratio) {
    return Math.round(ratio * 1_000) / 1_000;
}

// Ours, or the echo, by the same program and h2load.
async function unary(store, more = []) {
    const home = fs.mkdtempSync(path.join(options.home, 'served-'));
    const server = start(options.submit, ['serve', store, home, ...withModel(), ...more]);
    const port = await firstLine(server);
    const service = store === 'echo' ? 'hotline.bench.Echo/Echo' : 'hotline.v1.IntakeService/SubmitOrder';
    const { rate, answered } = await h2load(port, service);
    if (store !== 'echo') {
        const received = (await board(port)).received;
        if (received < answered) throw new Error(`${answered} answers, ${received} orders in ${store}`);
    }
    await end(server);
    return rate;
}

// Node runs on one core. One process leaves more of a small machine to Redis, one per core has
// more hands: the better of the two counts.
async function best(measure) {
    let most = 0;
    for (const processes of options.nodeProcesses) {
        most = Math.max(most, await withRedis('everysec', (port) => measure(port, processes)));
    }
    return most;
}

// Whole lives with few and with many orders under way: the better of the two counts, of each side.
async function mostUnderWay(measure) {
    let most = 0;
    for (const underWay of [256, 1024]) most = Math.max(most, await measure(underWay));
    return most;
}

// One district system at each tray, which takes as many at a time as it may.
function livesOf(underWay) {
    const connections = underWay / 64;
    return ['--connections', `${connections}`, '--streams', '64', '--villages', '4', '--pullers', '1', '--batch', '256'];
}

async function bullmqGrpc(redis, processes) {
    // Its port is chosen here, for its processes share it.
    const env = { ...process.env, PEERS_PORT: String(await freePort()) };
    const args = [path.join(HERE, 'bullmq.js'), 'grpc', redis, PROTOS, String(processes)];
    const server = start('node', args, { env });
    const port = await firstLine(server);
    const { rate, answered } = await h2load(port, 'hotline.v1.IntakeService/SubmitOrder');
    // HTTP says 200 whatever gRPC says.
    const jobs = Number((await run('redis-cli', ['-p', redis, 'GET', 'bull:orders:id'])).stdout);
    if (jobs < answered) throw new Error(`${answered} answers, ${jobs} jobs in BullMQ`);
    await end(server);
    return rate;
}

// So many processes over the same queues.
async function bullmq(what, redis, processes, more = []) {
    const args = [path.join(HERE, 'bullmq.js'), what, redis, options.seconds, options.bytes, ...more].map(String);
    const all = Array.from({ length: processes }, () => run('node', args));
    const done = (await Promise.all(all)).map(({ stdout }) => Number(stdout));
    return done.reduce((sum, n) => sum + n, 0) / options.seconds;
}

// What ours read with: a trained model, or the keywords alone.
function withModel() {
    return options.model ? ['--model', options.model] : [];
}

// Ours as a whole, by its own load generator, which fails where the store does not hold it all.
async function ours(mode, redis, more) {
    const home = fs.mkdtempSync(path.join(options.home, 'served-'));
    const port = await freePort();
    const server = start(options.hotline, [
        'serve', '--store', `redis://127.0.0.1:${redis}`, '--listen', `127.0.0.1:${port}`,
        '--metrics-listen', '127.0.0.1:0', '--key-file', path.join(home, 'contacts.key'),
        '--archive', path.join(home, 'archive'), '--log', 'error', ...withModel(),
    ]);
    await listening(port);
    const { stdout } = await run(options.hotline, [
        'bench', mode, '--rehearsal', '--server', `http://127.0.0.1:${port}`, '-o', 'json',
        '--for', `${options.seconds}s`, '--bytes', String(options.bytes), ...more,
    ]);
    await end(server);
    return JSON.parse(stdout).rate;
}

// One call per order, pipelined by 64, as many bytes as an order of ours has of each.
async function bareFunction(redis) {
    const library = fs.readFileSync(path.join(HERE, 'bare.lua'));
    await run('redis-cli', ['-p', redis, 'FUNCTION', 'LOAD', String(library)]);
    const bytes = (n) => 'x'.repeat(n);
    const { stdout } = await run('redis-benchmark', [
        '-p', redis, '-c', '16', '-P', '64', '-n', String(20_000 * options.seconds), '-r', '1000000000',
        '--csv', 'FCALL', 'bare_submit', '1', '{3304}', '__rand_int__',
        bytes(150), bytes(Math.max(1, options.bytes - 130)), bytes(120), bytes(120),
    ]);
    const { stdout: kept } = await run('redis-cli', ['-p', redis, 'HGET', '{3304}tallies', 'received']);
    // Some numbers come twice by chance; more than that were errors.
    if (Number(kept) < 19_000 * options.seconds) throw new Error(`the function kept ${kept} orders`);
    return Number(stdout.trim().split('\n').pop().split('","')[1].replaceAll('"', ''));
}

async function h2load(port, service) {
    const header = (name, value) => ['-H', `${name}: ${value}`];
    const { stdout } = await run('h2load', [
        '-c', '16', '-m', '64', '-t', '1', '-D', String(options.seconds), '--warm-up-time', '1',
        ...header('content-type', 'application/grpc'), ...header('te', 'trailers'),
        ...header('hotline-staff', 'b001'), ...header('hotline-unit', '3304'),
        ...header('hotline-role', 'agent'), '-d', options.message, `http://127.0.0.1:${port}/${service}`,
    ]);
    const rate = /^finished in .*?, ([\d.]+) req\/s/m.exec(stdout);
    const answered = /^requests: .* (\d+) succeeded, 0 failed, 0 errored/m.exec(stdout);
    if (!rate || !answered) throw new Error(`h2load says: ${stdout}`);
    return { rate: Number(rate[1]), answered: Number(answered[1]) };
}

async function board(port) {
    const { stdout } = await run(options.hotline, ['board', '-o', 'json', '--server', `http://127.0.0.1:${port}`]);
    return JSON.parse(stdout).tallies;
}

// A Redis of its own for each, with its append-only file on, as ours and BullMQ's manual want it.
async function withRedis(fsync, measure) {
    const folder = fs.mkdtempSync(path.join(options.home, 'redis-'));
    const port = String(await freePort());
    const server = start('redis-server', [
        '--port', port, '--bind', '127.0.0.1', '--save', '', '--dir', folder, '--logfile', 'redis.log',
        '--appendonly', 'yes', '--appendfsync', fsync, '--maxmemory-policy', 'noeviction',
        // As deploy/redis has it: from an empty start it would be rewritten all the time.
        '--auto-aof-rewrite-min-size', '256mb',
    ]);
    await listening(port);
    try {
        return await measure(port);
    } finally {
        await end(server);
        fs.rmSync(folder, { recursive: true, force: true });
    }
}

// Measures with a replica behind a Redis, with an append-only file of its own.
async function withReplica(master, measure) {
    return withRedis('always', async (port) => {
        const ask = (...words) => run('redis-cli', ['-p', port, ...words]).then(({ stdout }) => stdout);
        await ask('REPLICAOF', '127.0.0.1', master);
        for (const ends = Date.now() + PATIENCE; !/master_link_status:up/.test(await ask('INFO', 'replication')); ) {
            if (Date.now() >= ends) throw new Error(`the replica does not follow ${master}`);
            await new Promise((go) => setTimeout(go, 20));
        }
        return measure();
    });
}

function start(program, args, more = {}) {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'], ...more });
    children.add(child);
    child.ended = new Promise((ended) => {
        child.on('error', (error) => ended(error));
        child.on('exit', () => ended());
    }).finally(() => children.delete(child));
    return child;
}

async function end(child) {
    child.kill('SIGTERM');
    const hard = setTimeout(() => child.kill('SIGKILL'), 5_000);
    await child.ended;
    clearTimeout(hard);
}

function firstLine(child) {
    return new Promise((line, failed) => {
        let said = '';
        const late = setTimeout(() => failed(new Error(`${child.spawnfile} says no port`)), PATIENCE);
        child.stdout.on('data', (data) => {
            said += data;
            if (!said.includes('\n')) return;
            clearTimeout(late);
            line(said.split('\n')[0]);
        });
        child.ended.then(() => failed(new Error(`${child.spawnfile} ended`)));
    });
}

function freePort() {
    return new Promise((port, failed) => {
        const server = net.createServer().on('error', failed);
        server.listen(0, '127.0.0.1', () => {
            const { port: free } = server.address();
            server.close(() => port(free));
        });
    });
}

async function listening(port) {
    const connects = () =>
        new Promise((is) => {
            const socket = net.connect(port, '127.0.0.1', () => is(true)).on('error', () => is(false));
            socket.on('connect', () => socket.destroy());
        });
    for (const ends = Date.now() + PATIENCE; Date.now() < ends; ) {
        if (await connects()) return;
        await new Promise((go) => setTimeout(go, 20));
    }
    throw new Error(`nothing listens on port ${port}`);
}

function read(args) {
    const options = {
        rounds: 5,
        seconds: 5,
        bytes: 402,
        nodeProcesses: [...new Set([1, os.cpus().length])],
        only: Object.keys(SUBJECTS),
        output: 'table',
    };
    const refuse = (words) => {
        console.error(`benches/peers: ${words}`);
        process.exit(2);
    };
    const number = (name, text, least, most) => {
        const n = Number(text);
        if (!Number.isInteger(n) || n < least || n > most) refuse(`${name}: expected ${least} to ${most}`);
        return n;
    };
    for (let at = 0; at < args.length; at += 2) {
        const [name, value] = [args[at], args[at + 1]];
        if (value === undefined) refuse(`${name}: every option has a value`);
        switch (name) {
            case '--rounds': options.rounds = number(name, value, 1, 101); break;
            case '--seconds': options.seconds = number(name, value, 1, 600); break;
            case '--bytes': options.bytes = number(name, value, 300, 1_400); break;
            case '--node-processes': options.nodeProcesses = [number(name, value, 1, 64)]; break;
            case '--hotline': options.hotline = value; break;
            case '--submit': options.submit = value; break;
            case '--model': options.model = value; break;
            case '-o':
                if (!['table', 'json'].includes(value)) refuse('-o: expected table or json');
                options.output = value;
                break;
            case '--only': {
                const unknown = value.split(',').find((subject) => !SUBJECTS[subject]);
                if (unknown !== undefined) refuse(`--only ${unknown}: expected of ${Object.keys(SUBJECTS)}`);
                options.only = value.split(',');
                break;
            }
            default:
                refuse(`${name}: expected --rounds, --seconds, --bytes, --node-processes, --only or -o`);
        }
    }
    return options;
}
