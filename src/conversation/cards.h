#ifndef CONVERSATION_CARDS_H
#define CONVERSATION_CARDS_H

#include "base/arena.h"
#include "base/pattern.h"

#include <stdbool.h>

/* The filter that every message passes before it is first written.
 *
 * Card numbers (13 to 19 digits, spaces and hyphens between them, first digit 2 to 6, the Luhn
 * check of ISO/IEC 7812-1) are replaced for good, and what stands behind one in the same run of
 * digits with it; so are a security code next to its name ("cvv 123") and, when a card was asked
 * for just before (`asked`), any run of 12 digits and more.  No cards: what matches one of `exempt`
 * (how an order id looks), an IBAN, a telephone number with its plus. */

#define CARDS_MASK     "[card number removed]"
#define CARDS_MASK_CVV "[security code removed]"

/* The text as it may be written, in mem; *masked tells whether something was replaced. */
const char *cards_mask(struct arena *mem, const char *text, const struct pattern *const *exempt,
    int nexempt, bool asked, bool *masked);

/* Does this text of ours ask for a card? */
bool cards_asked(const char *text);

#endif
