#include "kit.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* What a turn costs this program by itself: scripted model, tools of no time, a real log with a
 * sync for each commit, real threads.  Run it twice on a quiet machine and compare ratios.
 *
 *     make bench
 *     build/bench/turns many        # one part of it: under a profiler */

#define CONVERSATIONS 64
#define TURNS         100

static struct bank ledger;

static double cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double wall_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static const char looking[] =
    "[{\"calls\":[{\"name\":\"quick\"},{\"name\":\"quick\"},{\"name\":\"quick\"}]},"
    "{\"text\":\"Your order left us on Monday and arrives tomorrow. Is there anything else?\"}]";
static const char waiting[] = "[{\"calls\":[{\"name\":\"lookup_order\"},{\"name\":\"lookup_"
			      "account\"},{\"name\":\"check_policy\"}]},{\"text\":\"Done.\"}]";

static void open_kit(struct kit *k, const char *steps)
{
	ledger = (struct bank){ 0 };
	kit_open(k, check_world(), &ledger, steps);
	json_object_set_new(k->script, "repeat", json_true());
}

static void close_kit(struct kit *k)
{
	kit_close(k);
	kit_remove(k);
}

/* Wait for the end of a turn without keeping its history in an arena. */
static void turn(struct kit *k, struct conversation *c)
{
	struct arena *mem = arena_new();

	ledger.order[0] = '\0';
	kit_say(k, mem, c, "Where is my order? It should have been here on Monday.");
	arena_free(mem);
}

static void three_tools(void *arg)
{
	struct kit k;
	struct conversation *c;
	double start;

	(void)arg;
	open_kit(&k, waiting);
	c = kit_conversation(&k);
	start = wall_ms();
	turn(&k, c);
	printf("three tools of 1 s at once          %8.1f ms\n", wall_ms() - start);
	conversation_close(c);
	close_kit(&k);
}

struct talk {
	struct kit *kit;
};

static void talk(void *arg)
{
	struct talk *t = arg;
	struct conversation *c = kit_conversation(t->kit);

	for (int i = 0; i < TURNS; i++)
		turn(t->kit, c);
	conversation_close(c);
}

static void many(void *arg)
{
	struct kit k;
	struct talk t = { &k };
	struct scope s;
	double cpu, wall;
	struct store_stats st;

	(void)arg;
	open_kit(&k, looking);
	cpu = cpu_ms();
	wall = wall_ms();
	scope_open(&s, FOREVER);
	for (int i = 0; i < CONVERSATIONS; i++)
		scope_go(&s, talk, &t);
	scope_join(&s);
	cpu = cpu_ms() - cpu;
	wall = wall_ms() - wall;
	st = store_stats(k.store);
	printf("%d conversations of %d turns: %.3f ms CPU a turn, %.0f turns/s; %lld changes in "
	       "%lld commits (%.2f commits a turn)\n",
	    CONVERSATIONS, TURNS, cpu / (CONVERSATIONS * TURNS), CONVERSATIONS * TURNS / wall * 1e3,
	    (long long)st.changes, (long long)st.commits,
	    (double)st.commits / (CONVERSATIONS * TURNS));
	close_kit(&k);
}

static void lengthy(void *arg)
{
	static const int marks[] = { 10, 100, 500 };
	struct kit k;
	struct conversation *c;
	double start;
	int n = 0;

	(void)arg;
	open_kit(&k, looking);
	c = kit_conversation(&k);
	for (int m = 0; m < 3; m++) {
		while (n < marks[m] - 10) {
			turn(&k, c);
			n++;
		}
		start = cpu_ms();
		for (int i = 0; i < 10; i++, n++)
			turn(&k, c);
		printf("turn %3d of one conversation        %8.3f ms CPU\n", marks[m],
		    (cpu_ms() - start) / 10);
	}
	printf("bytes of its history                %8zu\n",
	    wire_bytes(conversation_wire(c), &scripted_dialect)->len);
	conversation_close(c);
	close_kit(&k);
}

/* All of it, or the parts that are named. */
int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void *arg);
	} parts[] = { { "tools", three_tools }, { "many", many }, { "lengthy", lengthy } };

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		bool wanted = argc == 1;

		for (int a = 1; a < argc; a++)
			wanted |= !strcmp(argv[a], parts[i].name);
		if (wanted)
			check_in_real(parts[i].run, NULL);
	}
	return 0;
}
