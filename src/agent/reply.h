#ifndef AGENT_REPLY_H
#define AGENT_REPLY_H

#include <stddef.h>

/* What a sentence of a reply is, for whoever shows it piece by piece. */

/* Where the sentence that begins at s ends (behind its white space); 0: it is not known to be
 * complete. */
size_t reply_sentence(const char *s, size_t n);

/* So much of a text that was cut off is whole sentences; 0: none is. */
size_t reply_whole(const char *s, size_t n);

#endif
