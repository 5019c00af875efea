// What the three programs share: the arguments, Clerk, the table of tokens, the result.
import { createClerkClient } from "@clerk/backend";
import Database from "better-sqlite3";
import path from "node:path";

const [url, n, concurrency, folder] = process.argv.slice(2);
if (!folder) {
  console.error(`usage: ${process.argv[1]} URL N CONCURRENCY FOLDER`);
  process.exit(64);
}

export const jobs = Number(n);
export const workers = Number(concurrency);
export const users = Array.from({ length: jobs }, (_, i) => `user_${i + 1}`);
export const file = path.join(folder, "jobs.db");

const clerk = createClerkClient({ secretKey: "sk_test_fake", apiUrl: url });
export const create = (userId) => clerk.signInTokens.createSignInToken({ userId });

/** Seconds to wait before the next request where the error is a 429, else undefined. */
export const retryAfter = (error) => (error.status === 429 ? (error.retryAfter ?? 1) : undefined);

/** A synced connection to the file, with the table that keeps what came back. */
export function open() {
  const db = new Database(file);
  db.pragma("journal_mode = WAL");
  db.pragma("synchronous = FULL");
  db.pragma("busy_timeout = 10000");
  db.exec(`CREATE TABLE token (id TEXT PRIMARY KEY, user_id TEXT NOT NULL, status TEXT NOT NULL,
           token TEXT NOT NULL, url TEXT, created_at INTEGER NOT NULL)`);
  return db;
}

/** The statement that keeps one token; run it with what create() gave. */
export function keeper(db) {
  const insert = db.prepare("INSERT INTO token VALUES (?, ?, ?, ?, ?, ?)");
  return (t) => insert.run(t.id, t.userId, t.status, t.token, t.url, t.createdAt);
}

export function report(began, succeeded, failed) {
  const seconds = (performance.now() - began) / 1000;
  console.log(JSON.stringify({ succeeded, failed, seconds }));
}
