// SPDX-License-Identifier: Apache-2.0

#include "backdoor/symbolizer.h"

#include <cstdint>
#include <cstdio>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bergen::backdoor {

// Returns an address in its caller.
[[gnu::noinline]] uintptr_t AddressInCaller() {
  return reinterpret_cast<uintptr_t>(__builtin_return_address(0)) - 1;
}

namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

template <typename T>
[[gnu::noinline]] uintptr_t AddressInTemplate(T) {
  const uintptr_t address = AddressInCaller();
  asm volatile("");
  return address;
}

[[gnu::always_inline]] inline uintptr_t InlinedPart() {
  const uintptr_t address = AddressInCaller();
  asm volatile("");
  return address;
}

[[gnu::noinline]] uintptr_t AroundInlinedPart() {
  const uintptr_t address = InlinedPart();
  asm volatile("");
  return address;
}

TEST(SymbolizerTest, NamesAFunctionWithFileAndLines) {
  const int line = __LINE__ + 1;
  const uintptr_t address = AddressInCaller();
  Symbolizer symbolizer;
  const std::vector<SourceFrame>& frames = symbolizer.Resolve(address);
  ASSERT_THAT(frames, Not(IsEmpty()));
  EXPECT_THAT(frames[0].function.name, EndsWith("TestBody"));
  EXPECT_THAT(frames[0].function.file, EndsWith("symbolizer_test.cc"));
  EXPECT_EQ(frames[0].line, line);
  EXPECT_GT(frames[0].function.line, 0);
  EXPECT_LE(frames[0].function.line, line);
}

TEST(SymbolizerTest, NamesALocalTemplateWithItsArguments) {
  const uintptr_t address = AddressInTemplate(1);
  Symbolizer symbolizer;
  EXPECT_EQ(symbolizer.Resolve(address)[0].function.name,
            "bergen::backdoor::(anonymous namespace)::AddressInTemplate<int>");
}

TEST(SymbolizerTest, AnInlinedFunctionComesBeforeTheOneAroundIt) {
  const uintptr_t address = AroundInlinedPart();
  Symbolizer symbolizer;
  const std::vector<SourceFrame>& frames = symbolizer.Resolve(address);
  ASSERT_GE(frames.size(), 2u);
  EXPECT_THAT(frames[0].function.name, HasSubstr("InlinedPart"));
  EXPECT_THAT(frames[1].function.name, HasSubstr("AroundInlinedPart"));
  EXPECT_GT(frames[1].line, frames[0].line);
}

TEST(SymbolizerTest, ALibraryWithoutDebugInformationGivesItsSymbols) {
  Symbolizer symbolizer;
  const SourceFrame frame =
      symbolizer.Resolve(reinterpret_cast<uintptr_t>(&std::getchar))[0];
  EXPECT_THAT(frame.function.name, HasSubstr("getchar"));
  EXPECT_EQ(frame.function.file, "libc.so.6");
  EXPECT_EQ(frame.function.line, 0);
}

TEST(SymbolizerTest, AnAddressOfNothingIsUnknown) {
  Symbolizer symbolizer;
  const std::vector<SourceFrame>& frames = symbolizer.Resolve(5);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].function, (Function{"~", 0, "<unknown>"}));
}

TEST(StripParametersTest, LeavesTheQualifiedName) {
  EXPECT_EQ(StripParameters("main"), "main");
  EXPECT_EQ(StripParameters("demo::Fibonacci(int)"), "demo::Fibonacci");
  EXPECT_EQ(StripParameters("a::B::c(std::vector<int>, f(*)(int)) const"),
            "a::B::c");
  EXPECT_EQ(StripParameters("int demo::F<int>(int)"), "demo::F<int>");
  EXPECT_EQ(StripParameters("void (anonymous namespace)::g(int)"),
            "(anonymous namespace)::g");
  EXPECT_EQ(StripParameters("(anonymous namespace)::g()"),
            "(anonymous namespace)::g");
  EXPECT_EQ(StripParameters("f(int) [clone .part.0]"), "f");
}

TEST(StripParametersTest, LeavesOperatorsAndLambdas) {
  EXPECT_EQ(StripParameters("F::operator()(int) const"), "F::operator()");
  EXPECT_EQ(StripParameters("std::function<void (int)>::operator()(int) const"),
            "std::function<void (int)>::operator()");
  EXPECT_EQ(StripParameters("f()::{lambda(int)#1}::operator()(int) const"),
            "f()::{lambda(int)#1}::operator()");
  EXPECT_EQ(StripParameters("operator new(unsigned long)"), "operator new");
  EXPECT_EQ(StripParameters("F::operator bool() const"), "F::operator bool");
  EXPECT_EQ(StripParameters("S& std::operator<< <T>(S&, char const*)"),
            "std::operator<< <T>");
}

TEST(StripParametersTest, AnyTextIsTaken) {
  for (const char* text : {"", ")", "(", "()", "operator", " ", "a)(", "<>>"}) {
    StripParameters(text);
  }
}

}  // namespace
}  // namespace bergen::backdoor
