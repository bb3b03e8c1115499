#include "security/audit.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <functional>
#include <set>
#include <thread>

#include "base/text.h"

namespace millrace::security {
namespace {

class Audit : public ::testing::Test {
 protected:
  std::unique_ptr<AuditLog> Open() {
    auto log = AuditLog::Open(path_, clock_);
    EXPECT_TRUE(log.ok()) << log.status().ToString();
    return std::move(log).value();
  }
  // A log of `n` records; its lines.
  std::vector<std::string> Write(int n) {
    auto log = Open();
    for (int i = 1; i <= n; ++i) {
      clock_.Advance(std::chrono::seconds(1));
      EXPECT_TRUE(
          log->Append(
                 {.who = "ann", .what = "update", .resource = "p/Model/m" + std::to_string(i), .change = "c"})
              .ok());
    }
    return Lines();
  }
  std::vector<std::string> Lines() {
    std::vector<std::string> lines = Split(ReadFile(path_).value(), '\n');
    if (!lines.empty() && lines.back().empty()) lines.pop_back();
    return lines;
  }
  void Put(const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    ASSERT_TRUE(WriteFileAtomically(path_, text).ok());
  }
  std::string Verdict() {
    Result<AuditVerification> verified = AuditLog::Verify(path_);
    return verified.ok() ? "ok" : verified.status().message();
  }

  TempDirectory dir_;
  std::string path_ = dir_.path() + "/audit.log";
  FakeClock clock_{EventTime{1'500'000'000'000'000}};
};

TEST_F(Audit, RecordsAreNumberedChainedAndReadBack) {
  Write(3);
  EXPECT_EQ(Verdict(), "ok");
  auto log = Open();
  EXPECT_EQ(log->Append({.who = "bob", .what = "delete", .resource = "x"}).value(), 4U);
  std::vector<AuditRecord> tail = log->Tail(2).value();
  ASSERT_EQ(tail.size(), 2U);
  EXPECT_EQ(tail[0].seq, 3U);
  EXPECT_EQ(tail[1].entry.who, "bob");
  EXPECT_EQ(tail[1].prev, tail[0].hash);
  EXPECT_EQ(AuditLog::Verify(path_)->records, 4U);
  EXPECT_EQ(AuditLog::Verify(path_)->head, tail[1].hash);
}

TEST_F(Audit, AnyTextIsRecordedAsItIs) {
  auto log = Open();
  std::string odd = "quote \" slash \\ newline \n tab \t \x01 é";
  ASSERT_TRUE(
      log->Append({.who = odd, .what = "bytes \xff\xfe", .resource = std::string(100'000, 'r')}).ok());
  AuditRecord record = log->Tail(1).value().front();
  EXPECT_EQ(record.entry.who, odd);
  EXPECT_EQ(record.entry.resource.size(), 1024U);
  EXPECT_EQ(Verdict(), "ok");
}

TEST_F(Audit, TamperingIsNamedByItsFirstRecord) {
  std::vector<std::string> good = Write(5);
  auto rehashed = [&](size_t i, const std::string& who) {
    AuditRecord record = ParseAuditLine(good[i]).value();
    record.entry.who = who;
    record.hash = HashOf(record);
    return FormatAuditLine(record);
  };
  struct Case {
    const char* name;
    std::function<void(std::vector<std::string>&)> tamper;
    const char* says;
  } cases[] = {
      {"a field", [](auto& l) { l[2].replace(l[2].find("ann"), 3, "eve"); }, "record 3 was changed"},
      {"the first", [](auto& l) { l[0].replace(l[0].find("ann"), 3, "eve"); }, "record 1 was changed"},
      {"the last", [](auto& l) { l[4].replace(l[4].find("ann"), 3, "eve"); }, "record 5 was changed"},
      {"a space", [](auto& l) { l[1].insert(1, " "); }, "record 2 was changed"},
      {"a field more", [](auto& l) { l[1].insert(1, "\"x\":1,"); }, "record 2 was changed"},
      {"the hash", [](auto& l) { l[3].replace(l[3].size() - 4, 1, "g"); }, "record 4 was changed"},
      {"hashed anew", [&](auto& l) { l[2] = rehashed(2, "eve"); }, "record 3 was changed"},
      {"the last, hashed anew", [&](auto& l) { l[4] = rehashed(4, "eve"); }, "record 5 was changed"},
      {"one dropped", [](auto& l) { l.erase(l.begin() + 2); }, "record 3 was dropped or moved"},
      {"the first dropped", [](auto& l) { l.erase(l.begin()); }, "record 1 was dropped or moved"},
      {"the last dropped", [](auto& l) { l.pop_back(); }, "record 5 was dropped"},
      {"all dropped", [](auto& l) { l.clear(); }, "record 1 was dropped"},
      {"two swapped", [](auto& l) { std::swap(l[1], l[3]); }, "record 2 was dropped or moved"},
      {"one twice", [](auto& l) { l.insert(l.begin() + 1, l[0]); }, "record 2 was dropped or moved"},
      {"garbage", [](auto& l) { l[2] = "not json"; }, "record 3 was changed"},
      {"empty line", [](auto& l) { l[2] = ""; }, "record 3 was changed"},
      {"endless line", [](auto& l) { l[2] = std::string(200'000, 'x'); }, "record 3 was changed"},
  };
  for (const Case& c : cases) {
    std::vector<std::string> lines = good;
    c.tamper(lines);
    Put(lines);
    EXPECT_NE(Verdict().find(c.says), std::string::npos) << c.name << ": " << Verdict();
    // Nor does a server go on with such a log.
    EXPECT_EQ(AuditLog::Open(path_, clock_).status().code(), Code::kDataLoss) << c.name;
  }
  Put(good);
  EXPECT_EQ(Verdict(), "ok");
}

TEST_F(Audit, AMissingOrForeignHeadIsNoticed) {
  Write(2);
  std::string head = path_ + ".head";
  std::string good = ReadFile(head).value();
  for (const char* bad :
       {"", "{}", "{\"seq\":-1,\"hash\":\"\"}", "{\"seq\":3,\"hash\":\"\"}", "{\"seq\":2,\"hash\":\"00\"}"}) {
    ASSERT_TRUE(WriteFileAtomically(head, bad).ok());
    EXPECT_NE(Verdict(), "ok") << bad;
  }
  ASSERT_TRUE(RemoveTree(head).ok());
  EXPECT_NE(Verdict(), "ok");
  EXPECT_FALSE(AuditLog::Open(path_, clock_).ok());
  // The log gone and the head there: all records were dropped.
  ASSERT_TRUE(WriteFileAtomically(head, good).ok());
  ASSERT_TRUE(RemoveTree(path_).ok());
  EXPECT_NE(AuditLog::Open(path_, clock_).status().message().find("record 1 was dropped"), std::string::npos);
}

TEST_F(Audit, ALineTornByACrashIsCutAndTheLogGoesOn) {
  Write(2);
  std::string whole = ReadFile(path_).value();
  for (size_t torn : {size_t{1}, size_t{40}, whole.size() / 2 - 1}) {
    ASSERT_TRUE(WriteFileAtomically(path_, whole + whole.substr(0, torn)).ok());
    EXPECT_EQ(Verdict(), "ok") << torn;
    auto log = Open();
    EXPECT_EQ(ReadFile(path_).value(), whole);
  }
  EXPECT_EQ(Open()->Append({.who = "a"}).value(), 3U);
  // But what was acknowledged is not taken for torn.
  std::string three = ReadFile(path_).value();
  ASSERT_TRUE(WriteFileAtomically(path_, three.substr(0, three.size() - 10)).ok());
  EXPECT_NE(Verdict(), "ok");
  EXPECT_FALSE(AuditLog::Open(path_, clock_).ok());
}

TEST_F(Audit, RecordsBeyondTheHeadAreACrashBetweenTheTwo) {
  Write(1);
  std::string head = ReadFile(path_ + ".head").value();
  Write(1);
  ASSERT_TRUE(WriteFileAtomically(path_ + ".head", head).ok());
  EXPECT_EQ(Verdict(), "ok");
  EXPECT_EQ(Open()->Append({.who = "a"}).value(), 3U);
}

TEST_F(Audit, ThreadsAndProcessesShareOneChain) {
  auto one = Open();
  auto two = Open();  // as a command beside a server has it
  std::mutex mutex;
  std::set<uint64_t> numbers;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      AuditLog& log = t % 2 == 0 ? *one : *two;
      for (int i = 0; i < 20; ++i) {
        Result<uint64_t> seq = log.Append({.who = "t" + std::to_string(t), .what = std::to_string(i)});
        ASSERT_TRUE(seq.ok()) << seq.status().ToString();
        std::lock_guard lock(mutex);
        EXPECT_TRUE(numbers.insert(*seq).second);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(numbers.size(), 160U);
  EXPECT_EQ(*numbers.rbegin(), 160U);
  EXPECT_EQ(AuditLog::Verify(path_)->records, 160U);
}

// Limits what this process may do, for one scope.
class Limit {
 public:
  Limit(__rlimit_resource what, rlim_t soft) : what_(what) {
    getrlimit(what_, &before_);
    rlimit limit = before_;
    limit.rlim_cur = soft;
    setrlimit(what_, &limit);
  }
  ~Limit() { setrlimit(what_, &before_); }
  Limit(const Limit&) = delete;
  Limit& operator=(const Limit&) = delete;

 private:
  __rlimit_resource what_;
  rlimit before_{};
};

TEST_F(Audit, AFullDiskRefusesTheChangeAndTheLogGoesOnWhenThereIsRoom) {
  signal(SIGXFSZ, SIG_IGN);  // the write fails instead
  auto log = Open();
  ASSERT_TRUE(log->Append({.who = "a"}).ok());
  const std::string whole = ReadFile(path_).value();
  // From no byte of the record to all but its last: what was written of it is cut off.
  for (size_t room : {size_t{0}, size_t{1}, size_t{100}, whole.size() - 1}) {
    {
      const Limit limit(RLIMIT_FSIZE, whole.size() + room);
      Status refused = log->Append({.who = "b"}).status();
      EXPECT_EQ(refused.code(), Code::kUnavailable) << refused.ToString();
    }
    EXPECT_EQ(ReadFile(path_).value(), whole) << room;
    EXPECT_EQ(Verdict(), "ok") << room;
  }
  EXPECT_EQ(log->Append({.who = "c"}).value(), 2U);
  EXPECT_EQ(Open()->Append({.who = "d"}).value(), 3U);
  EXPECT_EQ(AuditLog::Verify(path_)->records, 3U);
}

TEST_F(Audit, WithoutItsHeadNothingIsTakenUntilTheHeadCanBeWrittenAgain) {
  auto log = Open();
  ASSERT_TRUE(log->Append({.who = "a"}).ok());
  {
    const Limit limit(RLIMIT_NOFILE, 0);  // a new head needs a file of its own
    EXPECT_EQ(log->Append({.who = "b"}).status().code(), Code::kUnavailable);
  }
  // The record stands, though its change was refused: its head could not be read to tell.
  Result<uint64_t> next = log->Append({.who = "c"});
  ASSERT_TRUE(next.ok()) << next.status().ToString();
  EXPECT_EQ(AuditLog::Verify(path_)->records, *next);
  EXPECT_EQ(log->Tail(1)->front().entry.who, "c");
}

TEST_F(Audit, ALogThatWasTakenAwayIsNotWrittenToUnseen) {
  auto log = Open();
  ASSERT_TRUE(log->Append({.who = "a"}).ok());
  std::string whole = ReadFile(path_).value();
  ASSERT_TRUE(RemoveTree(path_).ok());
  EXPECT_EQ(log->Append({.who = "b"}).status().code(), Code::kUnavailable);
  ASSERT_TRUE(WriteFileAtomically(path_, whole).ok());
  EXPECT_NE(log->Append({.who = "b"}).status().message().find("replaced"), std::string::npos);
  EXPECT_EQ(Open()->Append({.who = "c"}).value(), 2U);
}

TEST_F(Audit, OpenChecksTheEndOfALongLogAndVerifyAllOfIt) {
  {
    auto log = Open();
    // A control character takes six bytes of a line: some 25 KB a record, 1.5 MB in all.
    const std::string text(1024, '\x01');
    for (int i = 0; i < 60; ++i) {
      ASSERT_TRUE(log->Append({.who = text, .what = text, .resource = text, .change = text}).ok());
    }
  }
  const std::vector<std::string> good = Lines();
  ASSERT_GT(ReadFile(path_)->size(), size_t{5} << 18);
  EXPECT_EQ(Open()->Append({.who = "a"}).value(), 61U);
  // Far from the end: only Verify reads there.
  std::vector<std::string> lines = Lines();
  lines[2].replace(lines[2].find("u0001"), 5, "u0002");
  Put(lines);
  EXPECT_NE(Verdict().find("record 3 was changed"), std::string::npos) << Verdict();
  EXPECT_TRUE(AuditLog::Open(path_, clock_).ok());
  // Near the end both do.
  lines = Lines();
  lines[55].replace(lines[55].find("u0001"), 5, "u0002");
  Put(lines);
  EXPECT_EQ(AuditLog::Open(path_, clock_).status().code(), Code::kDataLoss);
  // Where the reading begins, too, and where records are missing from the end.
  for (size_t i = 0; i < good.size(); ++i) {
    lines = good;
    lines[i].replace(lines[i].find("u0001"), 5, "u0002");
    Put(lines);
    EXPECT_NE(Verdict(), "ok") << i;
  }
  Put(good);
  EXPECT_NE(AuditLog::Open(path_, clock_).status().message().find("record 61 was dropped"),
            std::string::npos);
}

}  // namespace
}  // namespace millrace::security
