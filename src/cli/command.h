// Command: a subcommand described as data, so that only parser.cc knows the
// library that reads command lines, and `--help` and the completion come from
// one place.
//
//   Command VersionCommand() {
//     auto args = std::make_shared<Args>();
//     return {.name = "version", .help = "Prints the version.",
//             .options = {Flag("--short", "Only the number.", &args->short_form)},
//             .run = [args] { return Version(*args); }};
//   }
//
// Values; made once at start-up, used by one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/status.h"

namespace millrace::cli {

using Target = std::variant<bool*, int64_t*, double*, std::string*, std::vector<std::string>*>;

struct Option {
  std::string names;  // "-o,--output"; without dashes it is positional: "FILE"
  std::string help;
  Target target;
  bool required = false;
  std::vector<std::string> values = {};  // the allowed ones; empty: any
  std::string env = {};                  // an environment variable that stands in for it
  bool one_each = false;                 // of several: one value each time it is given
};

struct Command {
  std::string name;
  std::string help;
  std::vector<Option> options = {};
  std::vector<Command> subcommands = {};
  // Returns the sentence of what went wrong, or ok; the exit code follows from it.
  std::function<Status()> run = {};
  std::string footer = {};  // examples
  bool hidden = false;      // for Millrace itself
};

Option Flag(std::string names, std::string help, bool* target);
Option Text(std::string names, std::string help, std::string* target);
Option Number(std::string names, std::string help, int64_t* target);
Option Real(std::string names, std::string help, double* target);
Option Texts(std::string names, std::string help, std::vector<std::string>* target);
Option OneOf(std::string names, std::string help, std::string* target, std::vector<std::string> values);
Option Required(Option option);
Option FromEnv(Option option, std::string variable);
// May be given again and again, each time with one value: what follows is no other value of it.
Option Repeated(std::string names, std::string help, std::vector<std::string>* target);

// Every subcommand, in the order of --help.
std::vector<Command> Commands();

// Parses and runs; prints errors to standard error. Returns the exit code.
int RunMillrace(int argc, const char* const* argv);
// The same with given commands; what --help prints goes to `out`.
int RunCommands(const std::vector<Command>& commands, const std::vector<std::string>& arguments,
                std::string& out);

// A bash completion script for the commands, their options and the values of options.
std::string BashCompletion(const std::vector<Command>& commands);

}  // namespace millrace::cli
