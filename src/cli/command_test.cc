#include "cli/command.h"

#include <gtest/gtest.h>

#include "cli/exit_code.h"

namespace millrace::cli {
namespace {

struct Seen {
  std::string word;
  std::vector<std::string> words;
  int64_t number = 7;
  bool flag = false;
  std::string form;
  int runs = 0;
  Status result;
};

std::vector<Command> TestCommands(Seen& seen) {
  Command leaf{
      .name = "leaf",
      .help = "A leaf.",
      .options = {Required(Text("WORD", "A word.", &seen.word)),
                  Number("-n,--number", "A number.", &seen.number), Flag("--flag", "A flag.", &seen.flag),
                  OneOf("-o,--output", "The form.", &seen.form, {"json", "yaml"})},
      .run = [&seen] {
        ++seen.runs;
        return seen.result;
      }};
  Command many{.name = "many",
               .help = "Many words.",
               .options = {Texts("WORD", "Words.", &seen.words)},
               .run = [&seen] {
                 ++seen.runs;
                 return Ok();
               }};
  return {Command{.name = "branch", .help = "A branch.", .subcommands = {leaf}}, many};
}

int RunWith(const std::vector<std::string>& arguments, Seen& seen, std::string* out = nullptr) {
  std::string help;
  const int code = RunCommands(TestCommands(seen), arguments, help);
  if (out != nullptr) *out = help;
  return code;
}

TEST(Commands, OptionsReachTheirTargets) {
  Seen seen;
  EXPECT_EQ(RunWith({"branch", "leaf", "hello", "-n", "42", "--flag", "-o", "json"}, seen), kExitOk);
  EXPECT_EQ(seen.runs, 1);
  EXPECT_EQ(seen.word, "hello");
  EXPECT_EQ(seen.number, 42);
  EXPECT_TRUE(seen.flag);
  EXPECT_EQ(seen.form, "json");
}

TEST(Commands, SeveralWordsKeepTheirOrder) {
  Seen seen;
  EXPECT_EQ(RunWith({"many", "a=1", "b=2", "c=3"}, seen), kExitOk);
  EXPECT_EQ(seen.words, (std::vector<std::string>{"a=1", "b=2", "c=3"}));
}

TEST(Commands, MistakesAreUsageErrorsAndRunNothing) {
  const std::vector<std::vector<std::string>> mistakes = {
      {},
      {"brunch"},
      {"brunch", "--help"},
      {"branch"},
      {"branch", "leaf"},
      {"branch", "leaf", "word", "--nope"},
      {"branch", "leaf", "word", "-n", "many"},
      {"branch", "leaf", "word", "-o", "xml"},
  };
  for (const std::vector<std::string>& arguments : mistakes) {
    Seen seen;
    EXPECT_EQ(RunWith(arguments, seen), kExitUsage) << testing::PrintToString(arguments);
    EXPECT_EQ(seen.runs, 0);
  }
}

TEST(Commands, HelpIsOfTheCommandThatWasAsked) {
  Seen seen;
  std::string help;
  EXPECT_EQ(RunWith({"branch", "leaf", "--help"}, seen, &help), kExitOk);
  EXPECT_NE(help.find("Usage: millrace branch leaf"), std::string::npos) << help;
  EXPECT_NE(help.find("--number"), std::string::npos);
  EXPECT_EQ(seen.runs, 0);
}

TEST(Commands, TheExitCodeFollowsFromTheStatus) {
  const std::vector<std::pair<Status, int>> cases = {
      {Ok(), 0},
      {Internal("x"), 1},
      {InvalidArgument("x"), 2},
      {NotFound("x"), 3},
      {Unauthenticated("x"), 4},
      {PermissionDenied("x"), 4},
      {Unavailable("x"), 5},
      {DeadlineExceeded("x"), 6},
      {Conflict("x"), 7},
      {AlreadyExists("x"), 7},
      {FailedPrecondition("x"), 7},
      {DataLoss("x"), 8},
      {Cancelled("x"), 130},
  };
  for (const auto& [status, code] : cases) {
    Seen seen;
    seen.result = status;
    EXPECT_EQ(RunWith({"branch", "leaf", "word"}, seen), code) << status.ToString();
  }
}

TEST(Commands, EveryRealCommandHasHelpAndTheCompletionNamesIt) {
  const std::vector<Command> commands = Commands();
  const std::string script = BashCompletion(commands);
  for (const Command& command : commands) {
    EXPECT_FALSE(command.help.empty()) << command.name;
    std::string help;
    EXPECT_EQ(RunCommands(commands, {command.name, "--help"}, help), kExitOk) << command.name;
    EXPECT_NE(help.find("Usage"), std::string::npos) << command.name;
    if (!command.hidden) {
      EXPECT_NE(script.find("'" + command.name + "')"), std::string::npos) << command.name;
    }
  }
  EXPECT_NE(script.find("'models alias')"), std::string::npos);
}

}  // namespace
}  // namespace millrace::cli
