// BullMQ, by its documented best settings. Each order is a job, and a delayed job for its
// deadline: what BullMQ has for "if nobody has taken it within the hour".
//
//   node bullmq.js add REDIS_PORT SECONDS BYTES     orders filed by the library
//   node bullmq.js lives REDIS_PORT SECONDS BYTES UNDER_WAY   orders through four queues
//   node bullmq.js grpc REDIS_PORT PROTO_FOLDER PROCESSES   a gRPC server; prints its port
//
// `add` and `lives` print how many were done in SECONDS, after a second of warm-up.
'use strict';

const { Queue, Worker } = require('bullmq');

const HOUR = 3_600_000;
const LEVELS = ['city', 'county', 'town', 'village'];
const WARM_UP = 1_000;

// docs.bullmq.io/guide/going-to-production: no limit of retries for workers; AOF and noeviction
// are set on the server. Commands of one tick share a round trip (ioredis, "autopipelining").
const connection = (port) => ({
    host: '127.0.0.1',
    port: Number(port),
    maxRetriesPerRequest: null,
    enableAutoPipelining: true,
});

// docs.bullmq.io/guide/queues/auto-removal-of-jobs: what is over is not kept.
const options = (port) => ({
    connection: connection(port),
    defaultJobOptions: { removeOnComplete: true, removeOnFail: true },
});

const order = (bytes) => ({ text: 'x'.repeat(Math.max(1, bytes - 12)) });

// docs.bullmq.io/guide/queues/adding-bulks: many jobs, one round trip.
const BULK = 100;
const BULKS_AT_ONCE = 8;

async function add(port, seconds, bytes) {
    const orders = new Queue('orders', options(port));
    const deadlines = new Queue('deadlines', options(port));
    const job = { name: 'order', data: order(bytes) };
    const due = { name: 'due', data: { order: 1 }, opts: { delay: HOUR } };
    const [jobs, dues] = [Array(BULK).fill(job), Array(BULK).fill(due)];
    const done = counter(seconds);
    await Promise.all(
        Array.from({ length: BULKS_AT_ONCE }, async () => {
            while (!done.over()) {
                await Promise.all([orders.addBulk(jobs), deadlines.addBulk(dues)]);
                done.count(BULK);
            }
        }),
    );
    done.print();
}

// docs.bullmq.io/guide/workers/concurrency: for work that waits, 100 to 300 at a time.
const CONCURRENCY = 200;
// So many orders are under way, as with ours.
async function lives(port, seconds, bytes, underWay) {
    const queues = Object.fromEntries(LEVELS.map((level) => [level, new Queue(level, options(port))]));
    const deadlines = new Queue('deadlines', options(port));
    const hand = (level, data) =>
        Promise.all([
            queues[level].add('order', data),
            deadlines.add('due', { order: 1 }, { delay: HOUR }),
        ]);
    const done = counter(seconds);
    for (const [at, level] of LEVELS.entries()) {
        const next = LEVELS[at + 1];
        const handle = async (job) => {
            if (next) return void (await hand(next, job.data));
            done.count(1);
            if (!done.over()) await hand(LEVELS[0], job.data);
        };
        const worker = new Worker(level, handle, { connection: connection(port), concurrency: CONCURRENCY });
        worker.on('error', fail);
    }
    for (let n = 0; n < underWay; n++) await hand(LEVELS[0], order(bytes));
    while (!done.over()) await new Promise((go) => setTimeout(go, 50));
    done.print();
}

// Behind a gRPC server: the same request that Hotline takes, answered once both jobs are in Redis.
function serve(port, protos, processes) {
    const cluster = require('node:cluster');
    // One process per core, as Node's documentation has it; they share the port.
    if (cluster.isPrimary && processes > 1) {
        process.on('SIGTERM', () => {
            for (const worker of Object.values(cluster.workers)) worker.process.kill('SIGKILL');
            process.exit(0);
        });
        let told = false;
        for (let n = 0; n < processes; n++) {
            cluster.fork().on('message', ({ bound }) => {
                if (!told) console.log(bound);
                told = true;
            });
        }
        return;
    }
    // None outlives the one that started it.
    process.on('disconnect', () => process.exit(0));
    const grpc = require('@grpc/grpc-js');
    const loader = require('@grpc/proto-loader');
    const loaded = loader.loadSync('hotline/v1/intake_service.proto', {
        includeDirs: [protos],
        keepCase: true,
    });
    const { IntakeService } = grpc.loadPackageDefinition(loaded).hotline.v1;
    const orders = new Queue('orders', options(port));
    const deadlines = new Queue('deadlines', options(port));
    const server = new grpc.Server({ 'grpc.max_concurrent_streams': 1024 });
    server.addService(IntakeService.service, {
        SubmitOrder({ request }, answer) {
            const due = deadlines.add('due', { order: request.request_id }, { delay: HOUR });
            Promise.all([orders.add('order', request), due]).then(
                ([job]) => answer(null, { receipt: { order_no: job.id, version: 1 } }),
                (error) => answer({ code: grpc.status.UNAVAILABLE, message: error.message }),
            );
        },
    });
    // Its processes share one port, so main.js chooses it.
    const wanted = process.env.PEERS_PORT ?? '0';
    server.bindAsync(`127.0.0.1:${wanted}`, grpc.ServerCredentials.createInsecure(), (error, bound) => {
        if (error) fail(error);
        if (cluster.isWorker) process.send({ bound });
        else console.log(bound);
    });
}

// Counts between the end of the warm-up and the end.
function counter(seconds) {
    const began = performance.now();
    const ends = began + WARM_UP + seconds * 1_000;
    let counted = 0;
    return {
        over: () => performance.now() >= ends,
        count(n) {
            const now = performance.now();
            if (now >= began + WARM_UP && now < ends) counted += n;
        },
        print() {
            console.log(counted);
            process.exit(0);
        },
    };
}

function fail(error) {
    console.error(error);
    process.exit(1);
}

const [what, port, third, fourth, fifth] = process.argv.slice(2);
switch (what) {
    case 'add':
        add(port, Number(third), Number(fourth)).catch(fail);
        break;
    case 'lives':
        lives(port, Number(third), Number(fourth), Number(fifth)).catch(fail);
        break;
    case 'grpc':
        serve(port, third, Number(fourth));
        break;
    default:
        fail(`${what}: expected add, lives or grpc`);
}
