#include "security/authorizer.h"

#include <gtest/gtest.h>

#include "base/file.h"

namespace millrace::security {
namespace {

TEST(Roles, EachRoleHasWhatTheOneBelowHas) {
  for (Permission permission : AllPermissions()) {
    if (RoleHas(Role::kViewer, permission)) {
      EXPECT_TRUE(RoleHas(Role::kEditor, permission)) << PermissionName(permission);
    }
    EXPECT_TRUE(RoleHas(Role::kAdmin, permission)) << PermissionName(permission);
    EXPECT_NE(PermissionName(permission), "unknown");
  }
  for (Permission write : {Permission::kResourcesWrite, Permission::kPush, Permission::kRegistryWrite}) {
    EXPECT_FALSE(RoleHas(Role::kViewer, write));
  }
  EXPECT_FALSE(RoleHas(Role::kEditor, Permission::kAdmin));
  for (Role role : AllRoles()) EXPECT_EQ(ParseRole(RoleName(role)), role);
  EXPECT_EQ(ParseRole("root"), std::nullopt);
}

TEST(Authorize, AsTheTableSays) {
  Grants grants = {{"risk", {{"ann", Role::kEditor}, {"bob", Role::kViewer}}},
                   {"lab", {{"bob", Role::kAdmin}}}};
  Identity nobody{.name = "anonymous", .kind = IdentityKind::kAnonymous, .role = {}};
  Identity ann{.name = "ann", .kind = IdentityKind::kToken, .role = {}};
  Identity bob{.name = "bob", .kind = IdentityKind::kToken, .role = {}};
  Identity viewer{.name = "v", .kind = IdentityKind::kToken, .role = Role::kViewer};
  Identity ann_viewer{.name = "ann", .kind = IdentityKind::kToken, .role = Role::kViewer};
  Identity admin{.name = "a", .kind = IdentityKind::kToken, .role = Role::kAdmin};
  struct Case {
    const char* name;
    Identity who;
    Permission what;
    const char* project;
    bool allowed;
  } cases[] = {
      {"health is for all", nobody, Permission::kPublic, "", true},
      {"nobody reads nothing", nobody, Permission::kResourcesRead, "risk", false},
      {"a grant counts in its project", ann, Permission::kResourcesWrite, "risk", true},
      {"and in no other", ann, Permission::kResourcesRead, "lab", false},
      {"and not on the platform", bob, Permission::kAdmin, "", false},
      {"an admin of a project there", bob, Permission::kAdmin, "lab", true},
      {"a viewer there may not write", bob, Permission::kResourcesWrite, "risk", false},
      {"a role on the platform counts everywhere", viewer, Permission::kPredict, "new", true},
      {"but not for more", viewer, Permission::kPush, "risk", false},
      {"a grant adds to a role", ann_viewer, Permission::kPush, "risk", true},
      {"admin everywhere", admin, Permission::kAdmin, "", true},
      {"no such project", ann, Permission::kResourcesRead, "nowhere", false},
  };
  for (const Case& c : cases) {
    Decision decision = Authorize(c.who, c.what, c.project, grants);
    EXPECT_EQ(decision.allowed, c.allowed) << c.name;
    EXPECT_EQ(decision.reason.empty(), c.allowed) << c.name;
  }
  EXPECT_TRUE(AllowedSomewhere(bob, Permission::kAdmin, grants));
  EXPECT_FALSE(AllowedSomewhere(ann, Permission::kAdmin, grants));
  EXPECT_EQ(Authorize(ann, Permission::kPredict, "lab", grants).reason,
            "predict in project 'lab' needs the role viewer or editor or admin; 'ann' has no role there");
}

TEST(Bearer, OnlyItsFormIsTaken) {
  struct Case {
    std::string header;
    std::optional<std::string> token;
  } cases[] = {
      {"Bearer abc", "abc"},
      {"bearer abc", "abc"},
      {"BEARER  a.b-c_~+/==  ", "a.b-c_~+/=="},
      {"Bearer", {}},
      {"Bearer ", {}},
      {"Basic YTpi", {}},
      {"Bearer a b", {}},
      {"Bearer\tabc", {}},
      {"Bearer a\"b", {}},
      {"", {}},
      {"Bearer " + std::string(513, 'a'), {}},
      {"Bearer \xc3\xa9", {}},
      {"bear", {}},
      {std::string("Bearer a\0b", 10), {}},
  };
  for (const Case& c : cases) {
    Result<std::string_view> token = ParseBearer(c.header);
    EXPECT_EQ(token.ok(), c.token.has_value()) << c.header;
    if (c.token && token.ok()) {
      EXPECT_EQ(*token, *c.token);
    }
  }
}

class Tokens : public ::testing::Test {
 protected:
  std::shared_ptr<TokenStore> Open() { return TokenStore::Open(dir_.path() + "/tokens").value(); }
  TempDirectory dir_;
};

TEST_F(Tokens, AreFoundByTheirTextAndKeptAsHashes) {
  auto store = Open();
  std::string text = store->Create("ci", Role::kEditor).value();
  EXPECT_EQ(text.size(), 68U);
  std::optional<Identity> found = store->Find(text);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->name, "ci");
  EXPECT_EQ(found->role, Role::kEditor);
  std::string file = ReadFile(dir_.path() + "/tokens").value();
  EXPECT_EQ(file.find(text.substr(4)), std::string::npos);
  EXPECT_EQ(Open()->Find(text), found);  // also after a restart
  for (std::string other :
       {std::string(), std::string("mrt_"), text.substr(1), text + "0", std::string(68, '0')}) {
    EXPECT_FALSE(store->Find(other)) << other;
  }
  text.back() = text.back() == '0' ? '1' : '0';
  EXPECT_FALSE(store->Find(text));
}

TEST_F(Tokens, NamesAreUniqueAndChecked) {
  auto store = Open();
  ASSERT_TRUE(store->Create("ci", Role::kViewer).ok());
  EXPECT_EQ(store->Create("ci", Role::kAdmin).status().code(), Code::kAlreadyExists);
  for (const std::string& bad :
       std::vector<std::string>{"", "A", "a b", "system:x", "anonymous", "a/b", std::string(64, 'a')}) {
    EXPECT_EQ(store->Create(bad, Role::kViewer).status().code(), Code::kInvalidArgument) << bad;
  }
}

TEST_F(Tokens, ARevokedOneIsFoundNoMore) {
  auto store = Open();
  std::string text = store->Create("ci", std::nullopt).value();
  uint64_t before = store->generation();
  ASSERT_TRUE(store->Revoke("ci").ok());
  EXPECT_FALSE(store->Find(text));
  EXPECT_NE(store->generation(), before);
  EXPECT_EQ(store->Revoke("ci").code(), Code::kNotFound);
}

TEST_F(Tokens, AnotherProcessesChangesAreSeenAfterRefresh) {
  auto server = Open();
  auto command = Open();
  std::string text = command->Create("late", Role::kViewer).value();
  EXPECT_FALSE(server->Find(text));
  ASSERT_TRUE(server->Refresh().ok());
  EXPECT_TRUE(server->Find(text));
  // And neither loses what the other wrote.
  ASSERT_TRUE(server->Create("one", Role::kViewer).ok());
  ASSERT_TRUE(command->Create("two", Role::kViewer).ok());
  EXPECT_EQ(Open()->List().size(), 3U);
}

TEST_F(Tokens, ADamagedFileIsNamedWithItsLine) {
  ASSERT_TRUE(Open()->Create("a", Role::kViewer).ok());
  std::string path = dir_.path() + "/tokens";
  std::string good = ReadFile(path).value();
  for (const char* bad : {"{}", "x", "[]", "{\"name\":\"a\",\"sha256\":\"zz\"}"}) {
    ASSERT_TRUE(WriteFileAtomically(path, good + bad + "\n", 0600).ok());
    auto opened = TokenStore::Open(path);
    ASSERT_FALSE(opened.ok()) << bad;
    EXPECT_NE(opened.status().message().find("tokens:2 "), std::string::npos) << opened.status().message();
  }
}

TEST_F(Tokens, TheAdminsTokenIsMadeOnceAndForItsOwnerAlone) {
  auto store = Open();
  std::string token = EnsureAdminToken(*store, dir_.path()).value();
  EXPECT_EQ(store->Find(token)->role, Role::kAdmin);
  EXPECT_EQ(EnsureAdminToken(*store, dir_.path()).value(), token);
  EXPECT_EQ(ReadAdminToken(dir_.path()).value(), token);
  ASSERT_TRUE(store->Revoke("admin").ok());
  std::string next = EnsureAdminToken(*store, dir_.path()).value();
  EXPECT_NE(next, token);
  EXPECT_TRUE(store->Find(next));
  ASSERT_TRUE(WriteFileAtomically(dir_.path() + "/token", next, 0644).ok());
  EXPECT_EQ(ReadAdminToken(dir_.path()).status().code(), Code::kFailedPrecondition);
}

TEST_F(Tokens, AccessTellsWhoAndSaysWhyNot) {
  auto store = Open();
  std::string text = store->Create("ci", Role::kEditor).value();
  Access closed({.tokens = store, .anonymous = {}});
  EXPECT_EQ(closed.Authenticate("Bearer " + text)->name, "ci");
  EXPECT_EQ(closed.Authenticate("").status().code(), Code::kUnauthenticated);
  Access open({.tokens = store, .anonymous = Role::kViewer});
  EXPECT_EQ(open.Authenticate("")->role, Role::kViewer);
  // A wrong token is wrong also where none would do.
  Result<Identity> wrong = open.Authenticate("Bearer mrt_" + std::string(64, 'f'));
  EXPECT_EQ(wrong.status().code(), Code::kUnauthenticated);
  EXPECT_EQ(wrong.status().message().find("mrt_"), std::string::npos);
}

TEST_F(Tokens, TheGenerationFollowsTokensAndGrants) {
  auto store = Open();
  Access access({.tokens = store, .anonymous = {}});
  uint64_t last = access.generation();
  auto moved = [&] { return std::exchange(last, access.generation()) != access.generation(); };
  ASSERT_TRUE(store->Create("x", Role::kViewer).ok());
  EXPECT_TRUE(moved());
  access.SetProjectGrants("p", {{"x", Role::kEditor}});
  EXPECT_TRUE(moved());
  access.RemoveProject("p");
  EXPECT_TRUE(moved());
  EXPECT_FALSE(moved());
}

}  // namespace
}  // namespace millrace::security
