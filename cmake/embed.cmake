# cmake -DIN=<dir> -DOUT=<file> -P embed.cmake
# Writes OUT: one line SQL(<stem>, "<text>") for every IN/*.sql, sorted by name, the text
# escaped as a C string literal.
file(GLOB files "${IN}/*.sql")
list(SORT files)
set(text "/* Generated from the .sql files of one folder; do not edit. */\n")
foreach(f IN LISTS files)
  get_filename_component(stem "${f}" NAME_WE)
  file(READ "${f}" sql)
  string(REPLACE "\\" "\\\\" sql "${sql}")
  string(REPLACE "\"" "\\\"" sql "${sql}")
  string(REPLACE "?" "\\?" sql "${sql}")
  string(REPLACE "\n" "\\n\"\n    \"" sql "${sql}")
  string(APPEND text "SQL(${stem},\n    \"${sql}\")\n")
endforeach()
file(WRITE "${OUT}" "${text}")
