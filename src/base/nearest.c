#include "base/nearest.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define LONGEST 64 /* names are short; longer ones get no suggestion */

static int min(int a, int b)
{
	return a < b ? a : b;
}

/* Slips between two names: letters added, left out, changed, or swapped with a neighbour. */
static int distance(const char *a, const char *b)
{
	int before[LONGEST + 1] = { 0 }, last[LONGEST + 1], now[LONGEST + 1];
	int na = (int)strlen(a), nb = (int)strlen(b);

	for (int j = 0; j <= nb; j++)
		last[j] = j;
	for (int i = 1; i <= na; i++) {
		now[0] = i;
		for (int j = 1; j <= nb; j++) {
			int same =
			    tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 1]);

			now[j] = min(min(last[j], now[j - 1]) + 1, last[j - 1] + !same);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = min(now[j], before[j - 2] + 1);
		}
		memcpy(before, last, sizeof(last));
		memcpy(last, now, sizeof(now));
	}
	return last[nb];
}

struct nearest nearest_to(const char *wanted)
{
	return (struct nearest){ .wanted = wanted, .distance = 2 + (int)strlen(wanted) / 4 };
}

void nearest_try(struct nearest *n, const char *candidate)
{
	size_t longest = strlen(n->wanted), len = strlen(candidate);
	int d;

	if (longest > LONGEST || len > LONGEST)
		return;
	d = distance(n->wanted, candidate);
	if (d >= n->distance || d >= (int)len)
		return;
	n->best = candidate;
	n->distance = d;
}

const char *nearest_hint(const struct nearest *n, char *out, size_t size)
{
	out[0] = '\0';
	if (n->best)
		snprintf(out, size, "; did you mean \"%s\"?", n->best);
	return out;
}
