# Makes the numbers again: Rscript all.R FOLDER OUT, FOLDER as tests/reference, OUT an empty folder.
# Each <quantity>.R defines answer(folder, set, asked): R's answer to what the stored file asks.
arguments <- commandArgs(trailingOnly = TRUE)
folder <- normalizePath(arguments[1]); out <- arguments[2]
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
source(file.path(here, "lib.R"))
only <- if (length(arguments) > 2) arguments[-(1:2)] else NULL
for (script in sort(setdiff(list.files(here, "\\.R$"), c("lib.R", "all.R")))) {
  quantity <- sub("\\.R$", "", script)
  if (!is.null(only) && !(quantity %in% only)) next
  source(file.path(here, script))
  for (set in list.files(file.path(folder, "values"))) {
    path <- file.path(folder, "values", set, paste0(quantity, ".json"))
    if (!file.exists(path)) next
    cat(quantity, "of", set, "\n")
    write_answer(answer(folder, set, stored(folder, set, quantity)), out, set, quantity)
  }
}
