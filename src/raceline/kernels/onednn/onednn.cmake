# Not find_package(dnnl): Debian's package configuration wants OpenCL's development files, which nothing here uses.
find_path(DNNL_INCLUDE_DIR dnnl.hpp)
find_library(DNNL_LIBRARY dnnl)
if(NOT RACELINE_ONEDNN)
  add_missing_folder(onednn "switched off (RACELINE_ONEDNN=OFF)")
elseif(NOT DNNL_INCLUDE_DIR OR NOT DNNL_LIBRARY)
  add_missing_folder(onednn "not found when built; Debian's package is libdnnl-dev")
else()
  add_kernel_folder(onednn ${DNNL_LIBRARY})
  target_include_directories(raceline_kernels PRIVATE ${DNNL_INCLUDE_DIR})
  # Tests of this folder's own promises ask whether it is there.
  target_compile_definitions(raceline_kernels INTERFACE RACELINE_HAS_ONEDNN=1)
endif()
