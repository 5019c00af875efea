// The job queue plainjob, as its README sets it up, with as many workers as requests at once.
import { better, defineQueue, defineWorker } from "plainjob";
import { create, jobs, keeper, open, report, users, workers } from "./common.mjs";

const silent = { error() {}, warn() {}, info() {}, debug() {} };
const db = open();
const queue = defineQueue({ connection: better(db), logger: silent });
db.pragma("synchronous = FULL"); // defineQueue() has set it to NORMAL
const keep = keeper(db);
queue.addMany("create", users);

let succeeded = 0;
let failed = 0;
let finished;
const all = new Promise((resolve) => (finished = resolve));
const count = () => succeeded + failed === jobs && finished();
const options = {
  queue,
  logger: silent,
  pollIntervall: 1,
  onCompleted: () => count(succeeded++),
  onFailed: () => count(failed++),
};
const crew = Array.from({ length: workers }, () =>
  defineWorker("create", async (job) => void keep(await create(JSON.parse(job.data))), options),
);

const began = performance.now();
crew.forEach((worker) => void worker.start());
await all;
report(began, succeeded, failed);
process.exit(0);
