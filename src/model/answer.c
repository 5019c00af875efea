#include "model/answer.h"

#include <stdlib.h>

void answer_deinit(struct answer *answer)
{
	token_deinit(&answer->token);
	free(answer->error_code);
	free(answer->error_message);
	free(answer->trace_id);
	free(answer->location);
	*answer = (struct answer)ANSWER_NULL;
}

void answer_move(struct answer *from, struct answer *to)
{
	*to = *from;
	*from = (struct answer)ANSWER_NULL;
}
