#include "store/queue.h"

#include "base/mem.h"
#include "store/queue_internal.h"

#include <stdlib.h>
#include <string.h>

void queue_new(const struct queue_options *options, struct queue **ret_queue)
{
	struct queue *queue = xcalloc(1, sizeof(*queue));

	queue->given = xstrdup(options->folder);
	queue->floor = options->floor;
	queue->synced = -1;
	*ret_queue = queue;
}

void queue_close(struct queue *queue)
{
	queue_conn_close(&queue->conn);
	queue->data_version = -1;
	queue->synced = -1;
	queue->matched = false;
	free(queue->stuck);
	queue->stuck = NULL;
}

void queue_free(struct queue *queue)
{
	if (!queue)
		return;
	queue_close(queue);
	queue_vfs_free(queue->vfs);
	queue_schema_free(queue->schema);
	buf_deinit(&queue->detail);
	free(queue->given);
	free(queue->folder);
	free(queue->path);
	free(queue->warning);
	free(queue->warned);
	free(queue->slow);
	free(queue);
}

void queue_warn(struct queue *queue, char *warning)
{
	if (!warning || (queue->warned && !strcmp(queue->warned, warning))) {
		free(warning);
		return;
	}
	free(queue->warning);
	queue->warning = warning;
}

static void give_warning(struct queue *queue, char **ret_warning)
{
	if (!ret_warning)
		return;
	*ret_warning = queue->warning;
	if (!queue->warning)
		return;
	free(queue->warned);
	queue->warned = xstrdup(queue->warning);
	queue->warning = NULL;
}

/* Whether the fault was found in what was read, not on the way to it. */
static bool is_lasting(const struct queue_conn *conn)
{
	return conn->code == SQLITE_OK || conn->code == SQLITE_ERROR ||
	       conn->code == SQLITE_CORRUPT;
}

static int read_data_version(struct queue *queue, int64_t *ret_version, struct error *err)
{
	return queue_conn_pragma(&queue->conn, "PRAGMA data_version", ret_version, err);
}

int queue_note(struct queue *queue, struct error *err)
{
	struct queue_file now;
	int rc = queue_file_look(queue->path, &now, err);

	if (rc == 0)
		rc = read_data_version(queue, &queue->data_version, err);
	if (rc == 0)
		queue->seen = now.db;
	return rc;
}

int queue_stick(struct queue *queue, int rc, const struct error *err)
{
	if (rc != QUEUE_E_FAULT || !is_lasting(&queue->conn) || queue_note(queue, NULL))
		return rc;
	free(queue->stuck);
	queue->stuck = xstrdup(err->text);
	queue->stuck_for = queue->asked;
	return rc;
}

int queue_rest(struct queue *queue, int rc, const struct error *err)
{
	struct queue_file now;

	if (rc != QUEUE_E_FAULT || queue->conn.code != SQLITE_INTERRUPT ||
		queue_file_look(queue->path, &now, NULL))
		return rc;
	free(queue->slow);
	queue->slow = xstrdup(err->text);
	queue->slow_at = now.db;
	queue->n_rests = queue->n_rests_next ? queue->n_rests_next : 1;
	queue->n_rests_next = queue->n_rests * 2 < QUEUE_RESTS_MAX ? queue->n_rests * 2
								   : QUEUE_RESTS_MAX;
	return rc;
}

static bool is_resting(struct queue *queue, const struct queue_file *now)
{
	return queue->slow && queue_file_same(&now->db, &queue->slow_at) &&
	       queue->n_rests > 0 && queue->n_rests--;
}

/* What became of the file since it was last read. */
enum since { SINCE_NOTHING, SINCE_COMMIT, SINCE_OTHER };

static enum since what_since(struct queue *queue, const struct queue_file *now)
{
	int64_t version;
	int rc;

	queue_conn_limit(&queue->conn, QUEUE_READ_MS);
	rc = read_data_version(queue, &version, NULL);
	if (rc || version != queue->data_version)
		return SINCE_COMMIT;
	return queue_file_same(&now->db, &queue->seen) ? SINCE_NOTHING : SINCE_OTHER;
}

static bool is_asked_the_same(const struct queue *queue)
{
	return queue->asked.job == queue->stuck_for.job &&
	       queue->asked.urgent == queue->stuck_for.urgent &&
	       queue->asked.command == queue->stuck_for.command;
}

/* What does not depend on the file's state and is made once. */
static int make_ready(struct queue *queue, struct error *err)
{
	int rc = 0;

	if (!queue->schema && queue_schema_new(&queue->schema, err) < 0)
		return -1;
	if (!queue->folder) {
		rc = queue_file_resolve(queue->given, &queue->folder, err);
		if (rc == 0)
			queue->path = xasprintf("%s/queue.db", queue->folder);
	}
	if (rc == 0 && !queue->vfs)
		rc = queue_vfs_new(queue->path, QUEUE_VFS_PLAIN, &queue->vfs, err);
	return rc;
}

/* Whether the reading connection has the file open that is there now. */
static bool is_open_on(struct queue *queue, const struct queue_file *file)
{
	return queue->conn.db && file->exists && !file->has_wal &&
	       file->db.dev == queue->opened.dev && file->db.ino == queue->opened.ino &&
	       !queue_conn_has_moved(&queue->conn);
}

static int open_anew(struct queue *queue, const struct queue_cursor *cursor,
	struct queue_file *file, struct error *err)
{
	int rc = 0;

	/* The number of an inode that is gone may come back on another file. */
	if (!file->exists || (queue->conn.db && queue_conn_has_moved(&queue->conn)))
		queue->checked = (struct queue_file_mark){0};
	queue_close(queue);
	if (!file->exists)
		rc = queue_file_make(queue->path, err);
	if (rc == 0 && !file->exists)
		rc = queue_file_look(queue->path, file, err);
	if (rc == 0 && file->has_wal)
		rc = queue_check_leave_wal(queue, err);
	queue->opened = file->db;
	if (rc == 0)
		rc = queue_check_open(queue, cursor, err);
	return rc;
}

/* The file that is open is still the one that is there. */
static int look_again(struct queue *queue, const struct queue_cursor *cursor,
	struct queue_file *file, struct error *err)
{
	enum since since;

	if (queue->data_version < 0)
		return 0;
	since = what_since(queue, file);
	if (queue->stuck && since == SINCE_NOTHING && is_asked_the_same(queue)) {
		(void)error_set(err, "%s", queue->stuck);
		return QUEUE_E_FAULT;
	}
	/* Written without its change counter (through a WAL that was planted, by cp):
	 * what SQLite has in its cache is not what is there. In WAL mode it is not read.
	 */
	if (queue->stuck || since == SINCE_OTHER ||
		(since == SINCE_COMMIT && queue_conn_is_wal(&queue->conn)))
		return open_anew(queue, cursor, file, err);
	return 0;
}

static int ensure(
	struct queue *queue, const struct queue_cursor *cursor, struct error *err)
{
	struct queue_file file;
	int rc = make_ready(queue, err);

	queue->asked = *cursor;
	if (rc == 0)
		rc = queue_file_look(queue->path, &file, err);
	if (rc) {
		queue_close(queue);
		return rc;
	}
	if (is_resting(queue, &file)) {
		(void)error_set(err, "%s", queue->slow);
		return QUEUE_E_FAULT;
	}
	return is_open_on(queue, &file) ? look_again(queue, cursor, &file, err)
					: open_anew(queue, cursor, &file, err);
}

int queue_ensure(struct queue *queue, const struct queue_cursor *cursor,
	char **ret_warning, struct error *err)
{
	struct error own = ERROR_NULL;
	int rc = ensure(queue, cursor, err ? err : &own);

	give_warning(queue, ret_warning);
	return rc;
}

bool queue_is_missing(struct queue *queue)
{
	struct queue_file now;

	return make_ready(queue, NULL) == 0 &&
	       queue_file_look(queue->path, &now, NULL) == 0 &&
	       (!now.exists || now.db.size == 0);
}

bool queue_take_made(struct queue *queue)
{
	bool made = queue->made;

	queue->made = false;
	return made;
}

bool queue_is_open(const struct queue *queue)
{
	return queue->conn.db != NULL;
}

bool queue_changed(struct queue *queue)
{
	struct queue_file now;

	if (!queue->conn.db || queue->data_version < 0 ||
		queue_file_look(queue->path, &now, NULL) || !is_open_on(queue, &now))
		return true;
	return what_since(queue, &now) != SINCE_NOTHING;
}

void queue_forget_pages(struct queue *queue)
{
	if (queue->conn.db)
		(void)sqlite3_db_release_memory(queue->conn.db);
}
