# frontdesk.  `make run` starts the demo shop, `make test` runs every test; both
# install what is missing first (tools/install; needs git and make, nothing else).
#
#   make         the program, build/frontdesk         make test    every test, plain and sanitized
#   make run     the demo shop on 127.0.0.1:8080      make check   test, with clang, fuzz smoke
#   make fuzz    each fuzz target for FUZZ_SECONDS    make sizes   the shape of the source, in a line
#   make fmt     format the source                    make bench   what a turn costs
#   make clean   remove build/

BUILD ?= build
CC = gcc
CFLAGS ?= -O2 -g
SANITIZE ?=

LIBS = libcurl libuv libmicrohttpd jansson sqlite3 openssl lua5.4 libpcre2-8 yaml-0.1 libedit
LINK = -llinear -lstemmer -lm -pthread

WARN = -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wwrite-strings \
       -Wpointer-arith -Wvla -Wformat=2 -Wundef -Wframe-larger-than=8192
CPPFLAGS := $(CPPFLAGS) -D_GNU_SOURCE -Isrc -I. -Itests $(shell pkg-config --cflags $(LIBS) 2>/dev/null)
LDLIBS   := $(shell pkg-config --libs $(LIBS) 2>/dev/null) $(LINK)
HARDEN = $(if $(SANITIZE),,-D_FORTIFY_SOURCE=2 -fstack-protector-strong)
COMPILE = $(CC) -std=c11 $(CPPFLAGS) $(CFLAGS) $(HARDEN) $(WARN) $(SANITIZE) -MMD -MP

SOURCES := $(sort $(wildcard src/*/*.c))
SWITCH  := $(wildcard src/fiber/*.S)
TESTS   := $(sort $(wildcard tests/*/t_*.c))
FUZZERS := $(sort $(wildcard fuzz/*.c))
ASSETS  := $(sort $(wildcard web/*))
START   := $(sort $(wildcard examples/start/*.*))

OBJECTS = $(SOURCES:src/%.c=$(BUILD)/obj/%.o) $(SWITCH:src/%.S=$(BUILD)/obj/%.o) $(BUILD)/obj/assets.o \
    $(BUILD)/obj/start.o
LIBRARY = $(BUILD)/libfrontdesk.a
PROGRAM = $(BUILD)/frontdesk
TEST_PROGRAMS = $(TESTS:tests/%.c=$(BUILD)/tests/%)
TEST_HELPERS = $(patsubst tests/%.c,$(BUILD)/obj/tests/%.o, \
    $(filter-out $(TESTS),$(wildcard tests/*.c tests/*/*.c)))
FUZZ_PROGRAMS = $(FUZZERS:fuzz/%.c=$(BUILD)/fuzz/%)
FUZZ_SECONDS ?= 60


all: $(BUILD)/.installed
	@$(MAKE) --no-print-directory $(PROGRAM)

run: all
	$(PROGRAM) serve --demo examples/shop

test: $(BUILD)/.installed-tests
	tools/run-tests

check: $(BUILD)/.installed-tests
	tools/run-checks

$(BUILD)/.installed: tools/install
	tools/install
	@mkdir -p $(BUILD) && touch $@

$(BUILD)/.installed-tests: tools/install
	tools/install tests
	@mkdir -p $(BUILD) && touch $@ $(BUILD)/.installed

$(PROGRAM): $(BUILD)/obj/cli/main.o $(LIBRARY)
	$(CC) $(CFLAGS) $(SANITIZE) -o $@ $^ $(LDLIBS)

# main.o stays outside: tests and fuzzers bring a main of their own.
$(LIBRARY): $(filter-out %/cli/main.o,$(OBJECTS))
	@rm -f $@
	ar rcs $@ $^

$(BUILD)/obj/%.o: src/%.c
	@mkdir -p $(@D)
	$(COMPILE) -c -o $@ $<

$(BUILD)/obj/%.o: src/%.S
	@mkdir -p $(@D)
	$(COMPILE) -c -o $@ $<

# The pages of web/, as bytes in the program.
$(BUILD)/obj/assets.o: $(ASSETS) tools/embed
	@mkdir -p $(@D)
	tools/embed net/assets.h assets $(ASSETS) > $(BUILD)/obj/assets.c
	$(COMPILE) -c -o $@ $(BUILD)/obj/assets.c

# The folder that `frontdesk init` writes.
$(BUILD)/obj/start.o: $(START) tools/embed
	@mkdir -p $(@D)
	tools/embed cli/start.h start_files $(START) > $(BUILD)/obj/start.c
	$(COMPILE) -c -o $@ $(BUILD)/obj/start.c

$(BUILD)/obj/tests/%.o: tests/%.c
	@mkdir -p $(@D)
	$(COMPILE) -c -o $@ $<

$(BUILD)/tests/%: tests/%.c $(TEST_HELPERS) $(LIBRARY)
	@mkdir -p $(@D)
	$(COMPILE) -o $@ $< $(TEST_HELPERS) $(LIBRARY) \
	    -lcmocka $(LDLIBS)

tests-built: $(TEST_PROGRAMS) $(PROGRAM)

# What has threads, for TSan.
threads-built: $(filter $(BUILD)/tests/fiber/% $(BUILD)/tests/store/% $(BUILD)/tests/tool/t_sql,$(TEST_PROGRAMS))

$(BUILD)/fuzz/%: fuzz/%.c $(LIBRARY)
	@mkdir -p $(@D)
	$(COMPILE) -fsanitize=fuzzer -o $@ $< $(LIBRARY) $(LDLIBS)

fuzz-built: $(FUZZ_PROGRAMS)

fuzz: $(BUILD)/.installed-tests
	tools/run-fuzz $(FUZZ_SECONDS)

# What a turn costs: bench/*.c measure parts of the program, bench/peers/run.py the program itself
# beside others.  INFLIGHT=1 has thousands of turns wait at once; PEERS=1 runs the systems of
# PEERS_DIR beside us and writes docs/performance.md.
BENCHES = $(patsubst bench/%.c,$(BUILD)/bench/%,$(sort $(wildcard bench/*.c)))
PEER_TOOLS = $(addprefix $(BUILD)/bench/peers/,mockllm loadgen floor)
PEERS_DIR ?= ../shared/peers
BENCH_PEERS = FRONTDESK=$(PROGRAM) TOOLS=$(BUILD)/bench/peers bench/peers/run.py

bench: $(BUILD)/.installed-tests
	@$(MAKE) --no-print-directory $(BENCHES) $(PEER_TOOLS) $(PROGRAM)
	@for b in $(BENCHES); do echo "== $$b"; $$b || exit 1; done
	@echo "== the program over HTTP"
	@$(BENCH_PEERS) short
	@$(if $(INFLIGHT),$(BENCH_PEERS) inflight)
	@$(if $(PEERS),$(BENCH_PEERS) peers $(PEERS_DIR))

$(BUILD)/bench/%: bench/%.c $(TEST_HELPERS) $(LIBRARY)
	@mkdir -p $(@D)
	$(COMPILE) -o $@ $< $(TEST_HELPERS) $(LIBRARY) \
	    -lcmocka $(LDLIBS)

$(BUILD)/bench/peers/%: bench/peers/%.c bench/peers/mock_request.c bench/peers/*.h
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -D_GNU_SOURCE -Wall -Wextra -o $@ $< $(if $(filter mockllm,$*),bench/peers/mock_request.c) \
	    $(if $(filter floor,$*),-lsqlite3)

fmt:
	clang-format -i $(wildcard src/*/*.[ch] tests/*.[ch] tests/*/*.[ch] fuzz/*.[ch] bench/*.c bench/peers/*.[ch])

sizes:
	@tools/sizes

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

.PHONY: all run test check fuzz bench fmt sizes clean tests-built threads-built fuzz-built
.SECONDARY:
