# What both compilers watch for; the tests build with each of these an error. Left out:
# -Wcast-qual and -Wcast-align (borrowed texts in structs that own theirs; fields found by
# their offset), -Wswitch-enum and -Wswitch-default (a switch names every value or says why
# not by its default, -Wswitch sees to the first), -Wfloat-equal (a setting that did not
# change), -Wbad-function-cast (a figure as a double), -Wcomma (two steps of one kind).
set(warnings -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes
  -Wold-style-definition -Wredundant-decls -Wnested-externs -Wformat=2 -Wvla
  -Wpointer-arith -Wwrite-strings -Wundef -Wunused-macros -Wimplicit-fallthrough
  -Wconversion -Wdouble-promotion -Wnull-dereference)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  # clang counts an enum as unsigned, so its -Wsign-conversion is about every one of them.
  list(APPEND warnings -Wsign-conversion -Wduplicated-cond -Wduplicated-branches
    -Wlogical-op -Wjump-misses-init -Walloc-zero -Wformat-signedness -Wformat-overflow=2
    -Wstringop-overflow=4 -Warray-bounds=2 -Wshift-overflow=2 -Warith-conversion)
else()
  list(APPEND warnings -Wno-sign-conversion -Wassign-enum -Wunreachable-code
    -Wshift-sign-overflow -Wloop-analysis -Wconditional-uninitialized)
endif()
add_compile_options(${warnings})
