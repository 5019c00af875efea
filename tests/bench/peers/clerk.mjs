// A table of one's own, worked through by a few loops with Clerk's library.
import { setTimeout as sleep } from "node:timers/promises";
import { create, jobs, keeper, open, report, retryAfter, users, workers } from "./common.mjs";

const db = open();
db.exec(`CREATE TABLE job (id INTEGER PRIMARY KEY, user_id TEXT NOT NULL,
         state TEXT NOT NULL DEFAULT 'pending', error TEXT)`);
db.exec("CREATE INDEX job_state ON job (state)");
const insert = db.prepare("INSERT INTO job (user_id) VALUES (?)");
db.transaction(() => users.forEach((user) => insert.run(user)))();

const next = db.prepare("SELECT id, user_id FROM job WHERE state = 'pending' AND id > ? LIMIT 1");
const finish = db.prepare("UPDATE job SET state = ?, error = ? WHERE id = ?");
const keep = keeper(db);
const done = db.transaction((id, token) => {
  keep(token);
  finish.run("succeeded", null, id);
});

let last = 0;
let succeeded = 0;
let failed = 0;
async function work() {
  for (let job; (job = next.get(last)); ) {
    last = job.id;
    for (;;) {
      try {
        done(job.id, await create(job.user_id));
        succeeded++;
        break;
      } catch (error) {
        const wait = retryAfter(error);
        if (wait === undefined) {
          finish.run("failed", String(error), job.id);
          failed++;
          break;
        }
        await sleep(wait * 1000);
      }
    }
  }
}

const began = performance.now();
await Promise.all(Array.from({ length: Math.min(workers, jobs) }, work));
report(began, succeeded, failed);
