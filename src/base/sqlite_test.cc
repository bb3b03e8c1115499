#include "base/sqlite.h"

#include <gtest/gtest.h>

#include "base/file.h"

namespace millrace {
namespace {

TEST(Database, KeepsWhatATransactionCommittedAndNothingElse) {
  const TempDirectory dir;
  const std::string path = dir.path() + "/test.db";
  {
    Result<Database> db = Database::Open(path);
    ASSERT_TRUE(db.ok());
    ASSERT_TRUE(db->Execute("CREATE TABLE t (name TEXT PRIMARY KEY, n INTEGER)").ok());
    Result<Statement> insert = db->Prepare("INSERT INTO t VALUES (?1, ?2)");
    ASSERT_TRUE(insert.ok());
    for (const bool commit : {true, false}) {
      Result<Transaction> transaction = Transaction::Begin(*db);
      ASSERT_TRUE(transaction.ok());
      ASSERT_TRUE(insert->Bind(1, commit ? "kept" : "lost").ok());
      ASSERT_TRUE(insert->Bind(2, int64_t{1} << 60).ok());
      ASSERT_TRUE(insert->Run().ok());
      if (!commit) continue;
      ASSERT_TRUE(transaction->Commit().ok());
    }
  }
  Result<Database> db = Database::Open(path);
  Result<Statement> select = db->Prepare("SELECT name, n FROM t");
  ASSERT_TRUE(*select->Step());
  EXPECT_EQ(select->Text(0), "kept");
  EXPECT_EQ(select->Int(1), int64_t{1} << 60);
  EXPECT_FALSE(*select->Step());
}

TEST(Database, MapsItsErrorsToCodes) {
  Result<Database> db = Database::Open(":memory:");
  ASSERT_TRUE(db->Execute("CREATE TABLE t (name TEXT PRIMARY KEY); INSERT INTO t VALUES ('a')").ok());
  EXPECT_EQ(db->Execute("INSERT INTO t VALUES ('a')").code(), Code::kAlreadyExists);
  EXPECT_EQ(db->Prepare("SELECT nonsense").status().code(), Code::kInternal);
  const TempDirectory dir;
  ASSERT_TRUE(WriteFileAtomically(dir.path() + "/not.db", std::string(4096, 'x')).ok());
  EXPECT_EQ(Database::Open(dir.path() + "/not.db").status().code(), Code::kDataLoss);
  EXPECT_EQ(Database::Open(dir.path() + "/no/such.db").status().code(), Code::kNotFound);
}

}  // namespace
}  // namespace millrace
