# Needs the headers alone, as device/opencl does; the driver is found when a program starts.
if(NOT RACELINE_OPENCL)
  add_missing_folder(opencl "switched off (RACELINE_OPENCL=OFF)")
elseif(NOT OPENCL_INCLUDE_DIR)
  add_missing_folder(opencl "headers not found when built; Debian's packages are opencl-c-headers and ocl-icd-libopencl1")
else()
  add_kernel_folder(opencl)
  target_include_directories(raceline_kernels PRIVATE ${OPENCL_INCLUDE_DIR})
endif()
