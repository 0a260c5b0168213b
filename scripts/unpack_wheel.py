"""Unpacks what a build needs out of one pinned wheel: unpack_wheel.py FLAVOUR PACKAGE WHEEL DIR

DIR gets lib/ (shared libraries, all in one folder), include/ (libtorch's headers), cuda/include (the CUDA
runtime's headers), native_functions.yaml (the signatures that our generator reads) and licenses/.
"""

import os
import re
import shutil
import sys
import zipfile

CPU_LIBRARIES = {"libc10.so", "libgomp.so.1", "libtorch_cpu.so"}
CUDA_LIBRARIES = CPU_LIBRARIES | {
    "libc10_cuda.so", "libtorch_cuda.so", "libtorch_cuda_linalg.so", "libtorch_nvshmem.so", "libcaffe2_nvrtc.so",
}
# Parts of NVIDIA's wheels that libtorch never loads.
UNUSED = re.compile(r"(libnvperf|libcheckpoint|libpcsampling|libnvblas|libcufftw|libcusolverMg|\.alt\.|_static|\.a$|\.bc$)")


def target(flavour, package, name):
    """Where the wheel's member `name` goes below DIR, or None when it is not needed."""
    base = os.path.basename(name)
    if ".dist-info/" in name and re.match(r"(LICENSE|License|NOTICE|COPYING)", base):
        return "licenses/%s-%s" % (package, base)
    if package == "torch":
        if name.startswith("torch/include/"):
            return name[len("torch/"):]
        if name == "torchgen/packaged/ATen/native/native_functions.yaml":
            return "native_functions.yaml"
        if os.path.dirname(name) == "torch/lib" and base in (CUDA_LIBRARIES if flavour == "cuda" else CPU_LIBRARIES):
            return "lib/" + base
        return None
    if package == "nvidia-cuda-runtime" and "/include/" in name:
        return "cuda/include/" + name.split("/include/", 1)[1]
    if re.search(r"/lib/[^/]*\.so(\.|$)", name) and not UNUSED.search(base):
        return "lib/" + base
    return None


def main():
    flavour, package, wheel, folder = sys.argv[1:]
    count = 0
    with zipfile.ZipFile(wheel) as archive:
        for info in archive.infolist():
            place = None if info.is_dir() else target(flavour, package, info.filename)
            if place is None:
                continue
            path = os.path.join(folder, place)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with archive.open(info) as source, open(path, "wb") as sink:  # reading to the end checks the CRC
                shutil.copyfileobj(source, sink, 1 << 20)
            count += 1
    if count == 0:
        sys.exit("nothing of use in " + wheel)


try:
    main()
except (OSError, zipfile.BadZipFile) as error:
    sys.exit("unpack_wheel.py: %s" % error)
