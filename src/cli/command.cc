#include "cli/command.h"

#include "base/text.h"

namespace millrace::cli {

Option Flag(std::string names, std::string help, bool* target) {
  return {.names = std::move(names), .help = std::move(help), .target = target};
}
Option Text(std::string names, std::string help, std::string* target) {
  return {.names = std::move(names), .help = std::move(help), .target = target};
}
Option Number(std::string names, std::string help, int64_t* target) {
  return {.names = std::move(names), .help = std::move(help), .target = target};
}
Option Real(std::string names, std::string help, double* target) {
  return {.names = std::move(names), .help = std::move(help), .target = target};
}
Option Texts(std::string names, std::string help, std::vector<std::string>* target) {
  return {.names = std::move(names), .help = std::move(help), .target = target};
}
Option Repeated(std::string names, std::string help, std::vector<std::string>* target) {
  return {.names = std::move(names), .help = std::move(help), .target = target, .one_each = true};
}
Option OneOf(std::string names, std::string help, std::string* target, std::vector<std::string> values) {
  return {.names = std::move(names), .help = std::move(help), .target = target, .values = std::move(values)};
}
Option Required(Option option) {
  option.required = true;
  return option;
}
Option FromEnv(Option option, std::string variable) {
  option.env = std::move(variable);
  return option;
}

namespace {

// The words that may follow the command: subcommands and options.
std::string Words(const Command& command) {
  std::vector<std::string> words;
  for (const Command& sub : command.subcommands) words.push_back(sub.name);
  for (const Option& option : command.options) {
    for (const std::string& name : Split(option.names, ',')) {
      if (name.starts_with("-")) words.push_back(name);
    }
    words.insert(words.end(), option.values.begin(), option.values.end());
  }
  words.emplace_back("--help");
  return Join(words, " ");
}

void AddCases(const Command& command, const std::string& path, std::string& script) {
  script += fmt::format("    '{}') words='{}' ;;\n", path, Words(command));
  for (const Command& sub : command.subcommands) AddCases(sub, path + " " + sub.name, script);
}

}  // namespace

std::string BashCompletion(const std::vector<Command>& commands) {
  std::vector<std::string> names;
  std::string cases;
  for (const Command& command : commands) {
    if (command.hidden) continue;
    names.push_back(command.name);
    AddCases(command, command.name, cases);
  }
  return fmt::format(
      R"(# bash completion for millrace: source this file, or put it into /etc/bash_completion.d.
_millrace() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}" path='' words='' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "${{COMP_WORDS[i]}}" in
      -*) ;;
      *) path="${{path:+$path }}${{COMP_WORDS[i]}}" ;;
    esac
  done
  # The longest known command that the line begins with.
  while :; do
    case "$path" in
    '') words='{0} --help' ;;
{1}    *) path="${{path% *}}"; [[ "$path" == *' '* || -n "$path" ]] && continue ;;
    esac
    break
  done
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
  # Whatever is no word of ours may be a file.
  if ((${{#COMPREPLY[@]}} == 0)); then
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
  fi
}}
complete -o filenames -F _millrace millrace
)",
      Join(names, " "), cases);
}

}  // namespace millrace::cli
