# With MILLRACE_PRECOMPILE the headers that nearly all files include are compiled
# once, in the first module, and reused by the others.
function(millrace_precompile NAME)
  if(NAME STREQUAL "base")
    target_precompile_headers(millrace_base PRIVATE
      <algorithm> <array> <atomic> <chrono> <condition_variable> <functional> <map> <memory> <mutex> <optional> <set>
      <span> <string> <string_view> <thread> <utility> <variant> <vector> <fmt/format.h>
      ${CMAKE_SOURCE_DIR}/src/base/file.h ${CMAKE_SOURCE_DIR}/src/base/json.h ${CMAKE_SOURCE_DIR}/src/base/log.h
      ${CMAKE_SOURCE_DIR}/src/base/status.h ${CMAKE_SOURCE_DIR}/src/base/text.h ${CMAKE_SOURCE_DIR}/src/base/time.h)
  else()
    target_precompile_headers(millrace_${NAME} REUSE_FROM millrace_base)
  endif()
endfunction()

# millrace_module(NAME DEPENDS module... LIBRARIES target...)
#
# One folder below src/ is one static library, millrace_NAME, of all its .cc
# files, and one test program, NAME_test, of all its *_test.cc files. Folders
# below it belong to it. The allowed DEPENDS are those of tools/layers.txt.
function(millrace_module NAME)
  cmake_parse_arguments(ARG "" "" "DEPENDS;LIBRARIES" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${NAME}/*.cc)
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER sources EXCLUDE REGEX "(_test|/main)\\.cc$")
  if(sources)
    add_library(millrace_${NAME} STATIC ${sources})
    set(scope PUBLIC)
    if(MILLRACE_PRECOMPILE)
      millrace_precompile(${NAME})
    endif()
  else()
    add_library(millrace_${NAME} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(millrace_${NAME} ${scope} ${CMAKE_SOURCE_DIR}/src)
  foreach(dependency ${ARG_DEPENDS})
    target_link_libraries(millrace_${NAME} ${scope} millrace_${dependency})
  endforeach()
  target_link_libraries(millrace_${NAME} ${scope} ${ARG_LIBRARIES})
  if(tests)
    add_executable(${NAME}_test ${tests})
    target_link_libraries(${NAME}_test PRIVATE millrace_${NAME} GTest::gtest_main)
    target_compile_definitions(${NAME}_test PRIVATE MILLRACE_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    add_test(NAME ${NAME} COMMAND ${NAME}_test)
    set_tests_properties(${NAME} PROPERTIES TIMEOUT 600)
  endif()
endfunction()
