#ifndef AGENT_REPLY_H
#define AGENT_REPLY_H

#include <stdbool.h>
#include <stddef.h>

/* What a sentence of a reply is, for whoever releases it piece by piece. */

/* Where the sentence that begins at s ends (behind its white space); 0: it is not known to be
 * complete. */
size_t reply_sentence(const char *s, size_t n);
/* Is it about money, promises or actions, so that it waits for the end of the step? */
bool reply_holds(const char *s, size_t n);

#endif
