# What the scripts share: reading an input, writing an answer to 15 digits.
suppressPackageStartupMessages({library(survival); library(jsonlite)})

read_input <- function(folder, set)
  read.csv(file.path(folder, "inputs", paste0(set, ".csv")), check.names = FALSE)

# The stored answer of a quantity: what was asked of R (formulas, markers, times) stands in it.
stored <- function(folder, set, quantity)
  fromJSON(file.path(folder, "values", set, paste0(quantity, ".json")), simplifyVector = FALSE)

versions <- function(packages)
  c(list(R = paste(R.version$major, R.version$minor, sep = ".")),
    setNames(lapply(packages, function(p) as.character(packageVersion(p))), packages))

write_answer <- function(answer, out, set, quantity) {
  path <- file.path(out, "values", set, paste0(quantity, ".json"))
  dir.create(dirname(path), recursive = TRUE, showWarnings = FALSE)
  writeLines(toJSON(answer, digits = 15, auto_unbox = TRUE, na = "null", null = "null"), path)
}
