#include "security/token.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "security/audit.h"

namespace millrace::security {
namespace {

class AuditedTokens : public ::testing::Test {
 protected:
  AuditedTokens() {
    audit_ = AuditLog::Open(dir_.path() + "/audit.log", SystemClock()).value();
    store_ = TokenStore::Open(dir_.path() + "/tokens", RecordTokens(*audit_, "uid:7")).value();
  }
  // "WHO WHAT RESOURCE CHANGE" of each record.
  std::vector<std::string> Records() {
    std::vector<std::string> texts;
    const std::vector<AuditRecord> records = audit_->Tail(100).value();
    for (const AuditRecord& record : records) {
      texts.push_back(fmt::format("{} {} {} {}", record.entry.who, record.entry.what, record.entry.resource,
                                  record.entry.change));
    }
    return texts;
  }

  TempDirectory dir_;
  std::unique_ptr<AuditLog> audit_;
  std::shared_ptr<TokenStore> store_;
};

TEST_F(AuditedTokens, CreationAndRevocationAreRecorded) {
  ASSERT_TRUE(store_->Create("ci", Role::kEditor).ok());
  ASSERT_TRUE(store_->Create("anna", std::nullopt).ok());
  ASSERT_TRUE(store_->Revoke("ci").ok());
  EXPECT_EQ(Records(), (std::vector<std::string>{"uid:7 create-token /Token/ci role editor",
                                                 "uid:7 create-token /Token/anna role by grants",
                                                 "uid:7 revoke-token /Token/ci "}));
  // The text of a token is nowhere in the log.
  EXPECT_EQ(ReadFile(dir_.path() + "/audit.log")->find("mrt_"), std::string::npos);
}

TEST_F(AuditedTokens, WhatIsRefusedIsNotRecorded) {
  ASSERT_TRUE(store_->Create("ci", Role::kEditor).ok());
  EXPECT_FALSE(store_->Create("ci", Role::kAdmin).ok());
  EXPECT_FALSE(store_->Create("NO NAME", Role::kAdmin).ok());
  EXPECT_FALSE(store_->Revoke("nobody").ok());
  EXPECT_EQ(Records().size(), 1U);
}

TEST_F(AuditedTokens, TheAdminsOwnTokenIsRecorded) {
  const std::string first = EnsureAdminToken(*store_, dir_.path()).value();
  EXPECT_EQ(EnsureAdminToken(*store_, dir_.path()).value(), first);
  EXPECT_EQ(Records(), (std::vector<std::string>{"uid:7 create-token /Token/admin role admin"}));
  ASSERT_TRUE(RemoveTree(dir_.path() + "/token").ok());
  ASSERT_TRUE(EnsureAdminToken(*store_, dir_.path()).ok());
  EXPECT_EQ(Records().size(), 3U);  // the old one revoked, a new one made
}

TEST_F(AuditedTokens, NothingChangesThatCannotBeRecorded) {
  const std::string text = store_->Create("ci", Role::kEditor).value();
  ASSERT_TRUE(RemoveTree(dir_.path() + "/audit.log").ok());
  const Status refused = store_->Create("late", Role::kViewer).status();
  EXPECT_EQ(refused.code(), Code::kUnavailable) << refused.ToString();
  EXPECT_EQ(store_->Revoke("ci").code(), Code::kUnavailable);
  EXPECT_TRUE(store_->Find(text));
  EXPECT_EQ(TokenStore::Open(dir_.path() + "/tokens").value()->List().size(), 1U);
}

}  // namespace
}  // namespace millrace::security
