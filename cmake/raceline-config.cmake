include("${CMAKE_CURRENT_LIST_DIR}/raceline-targets.cmake")
