# Libraries from Debian, and the prebuilt ones that scripts/setup.sh puts in .deps/.
find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(ZLIB REQUIRED)
find_package(simdjson REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(GTest REQUIRED)

set(MILLRACE_DEPS ${CMAKE_SOURCE_DIR}/.deps)
if(NOT EXISTS ${MILLRACE_DEPS}/lib/libarrow.so.2600)
  message(FATAL_ERROR "The native libraries are missing: run 'make setup' first.")
endif()

# Headers of other projects are SYSTEM: their warnings are not ours.
add_library(arrow_parquet INTERFACE)
target_include_directories(arrow_parquet SYSTEM INTERFACE ${MILLRACE_DEPS}/include)
target_link_libraries(arrow_parquet INTERFACE
  ${MILLRACE_DEPS}/lib/libparquet.so.2600 ${MILLRACE_DEPS}/lib/libarrow.so.2600)

# libparquet exports a newer simdjson of its own. Whichever library comes first on
# the link line is the one that our code calls, and its classes must be those of
# the header we compile with: so simdjson always goes before arrow_parquet.
set_property(TARGET simdjson::simdjson APPEND PROPERTY INTERFACE_LINK_LIBRARIES arrow_parquet)

add_library(duckdb INTERFACE)
target_include_directories(duckdb SYSTEM INTERFACE ${CMAKE_SOURCE_DIR}/third_party/duckdb)
target_link_libraries(duckdb INTERFACE ${MILLRACE_DEPS}/lib/libduckdb.so)

add_library(yaml INTERFACE)
target_include_directories(yaml SYSTEM INTERFACE ${YAML_CPP_INCLUDE_DIR})
target_link_libraries(yaml INTERFACE yaml-cpp)

# Binaries look for the prebuilt libraries in lib/ beside themselves.
file(CREATE_LINK ${MILLRACE_DEPS}/lib ${CMAKE_BINARY_DIR}/lib SYMBOLIC)
set(CMAKE_BUILD_RPATH_USE_ORIGIN ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
set(CMAKE_SKIP_BUILD_RPATH OFF)
set(CMAKE_BUILD_WITH_INSTALL_RPATH ON)
set(CMAKE_INSTALL_RPATH "$ORIGIN/lib")
