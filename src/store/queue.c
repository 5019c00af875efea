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
	*ret_queue = queue;
}

void queue_close(struct queue *queue)
{
	queue_conn_close(&queue->conn);
	queue->data_version = -1;
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
	free(queue->fault);
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

int queue_remember(struct queue *queue, int rc, const struct error *err)
{
	struct queue_file now;

	if (rc != QUEUE_E_FAULT || queue_file_look(queue->path, &now, NULL) ||
		!now.exists || queue_file_is_fresh(&now.db))
		return rc;
	free(queue->fault);
	queue->fault = xstrdup(err->text);
	queue->damaged = now;
	return rc;
}

/* Whether the file is the damaged one still; else there is none. */
static bool is_still_damaged(struct queue *queue, const struct queue_file *now)
{
	if (!queue->fault)
		return false;
	if (queue_file_same(&now->db, &queue->damaged.db) &&
		queue_file_same(&now->journal, &queue->damaged.journal) &&
		now->has_wal == queue->damaged.has_wal)
		return true;
	free(queue->fault);
	queue->fault = NULL;
	return false;
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

	queue_close(queue);
	if (is_still_damaged(queue, file)) {
		(void)error_set(err, "%s", queue->fault);
		return QUEUE_E_FAULT;
	}
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

static int ensure(
	struct queue *queue, const struct queue_cursor *cursor, struct error *err)
{
	struct queue_file file;
	int rc = make_ready(queue, err);

	if (rc == 0)
		rc = queue_file_look(queue->path, &file, err);
	if (rc) {
		queue_close(queue);
		return rc;
	}
	return is_open_on(queue, &file) ? 0 : open_anew(queue, cursor, &file, err);
}

int queue_ensure(struct queue *queue, const struct queue_cursor *cursor,
	char **ret_warning, struct error *err)
{
	struct error own = ERROR_NULL;
	int rc = ensure(queue, cursor, err ? err : &own);

	give_warning(queue, ret_warning);
	return rc;
}

bool queue_changed(struct queue *queue)
{
	struct queue_conn *conn = &queue->conn;
	int64_t version = 0;

	if (!conn->db || queue->data_version < 0 || queue_conn_has_moved(conn))
		return true;
	queue_conn_limit(conn, QUEUE_READ_MS);
	return queue_conn_pragma(conn, "PRAGMA data_version", &version, NULL) ||
	       version != queue->data_version;
}
