// Gives the corpus to the gateway's harness: what builds without libFuzzer have of it.
#include "fuzz/replay.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int argc, char** argv) {
    std::size_t n = 0;
    for (int i = 1; i < argc; ++i) n += finpost::fuzz::replay(&LLVMFuzzerTestOneInput, argv[i]);
    std::printf("%zu inputs\n", n);
    return n > 0 ? 0 : 1;
}
