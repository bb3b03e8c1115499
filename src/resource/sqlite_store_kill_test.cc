// What the store has answered is there after the process was killed, at any
// instant: a child writes and says so, and is killed while it does.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <set>

#include "base/file.h"
#include "resource/sqlite_store.h"

namespace millrace::resource {
namespace {

constexpr int kAnswersBeforeTheKill = 20;

Resource Source(int number) {
  Resource resource;
  resource.kind = "DataSource";
  resource.metadata.name = fmt::format("s{}", number);
  resource.metadata.project = "default";
  return resource;
}

// Writes sources, and each one's number to `out` once the store has answered. Never returns.
[[noreturn]] void WriteForEver(const std::string& path, int out) {
  auto store = SqliteStore::Create({.path = path});
  for (int number = 0; store.ok(); ++number) {
    if (!(*store)->Create(Source(number)).ok()) break;
    if (write(out, &number, sizeof(number)) != static_cast<ssize_t>(sizeof(number))) break;
  }
  _exit(1);
}

TEST(SqliteStore, KeepsWhatItAnsweredThroughAKill) {
  const TempDirectory directory;
  const std::string path = directory.path() + "/resources.db";
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) WriteForEver(path, ends[1]);
  close(ends[1]);
  int answered = -1;
  for (int number = 0; answered + 1 < kAnswersBeforeTheKill; answered = number) {
    ASSERT_EQ(read(ends[0], &number, sizeof(number)), static_cast<ssize_t>(sizeof(number)));
  }
  ASSERT_EQ(kill(child, SIGKILL), 0);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
  // Answers that were on their way.
  for (int number = 0; read(ends[0], &number, sizeof(number)) == static_cast<ssize_t>(sizeof(number));) {
    answered = number;
  }
  close(ends[0]);

  const auto store = SqliteStore::Create({.path = path});
  ASSERT_TRUE(store.ok()) << store.status().ToString();
  const ResourceList list = (*store)->List({}).value();
  std::set<std::string> names;
  for (const Resource& resource : list.items) names.insert(resource.metadata.name);
  for (int number = 0; number <= answered; ++number)
    EXPECT_TRUE(names.contains(fmt::format("s{}", number))) << number;
  EXPECT_LE(names.size(), static_cast<size_t>(answered) + 2)
      << "at most one was written and not yet answered";
  EXPECT_EQ(list.resource_version, std::to_string(names.size()));
}

}  // namespace
}  // namespace millrace::resource
