// The job queue liteque, as its README sets it up.
import { RetryAfterError, Runner, SqliteQueue, buildDBClient } from "liteque";
import { create, file, keeper, open, report, retryAfter, users, workers } from "./common.mjs";

const keep = keeper(open());
const db = buildDBClient(file, { runMigrations: true });
const sqlite = db.session.client;
sqlite.pragma("synchronous = FULL"); // it has set it to NORMAL
const queue = new SqliteQueue("create", db, {
  defaultJobArgs: { numRetries: 5 },
  keepFailedJobs: true,
});
sqlite.exec("BEGIN");
for (const user of users) await queue.enqueue({ user });
sqlite.exec("COMMIT");

let succeeded = 0;
const runner = new Runner(
  queue,
  {
    run: async (job) => {
      try {
        keep(await create(job.data.user));
        succeeded++;
      } catch (error) {
        const wait = retryAfter(error);
        throw wait === undefined ? error : new RetryAfterError(wait * 1000);
      }
    },
  },
  { concurrency: workers, pollIntervalMs: 1, timeoutSecs: 60 },
);

const began = performance.now();
await runner.runUntilEmpty();
report(began, succeeded, (await queue.stats()).failed);
process.exit(0);
